import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "libvirtd and QEMU are killed: everything comes back when libvirtd starts again",
  leaves: [/starts of libvirtd/],
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    await guest.start();
    const libvirtd = await host.libvirtd();
    await host.must(`kill -9 ${libvirtd} ${await guest.pid()}`);
    await host.answers(libvirtd);
    await host.takenBack(guest);
    assertEquals(await guest.state(), "shut off");
    assertMatch((await host.outcomes()).join(), /^(returned|recovered)$/); // libvirt's release, or recovery: who is first
    assertEquals(await host.drivers("gpu", "nic"), ["bochs-drm", "e1000e"]);
  },
};
