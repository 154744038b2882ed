import { assertEquals } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "libvirtd is killed while it waits for the started hook: the guest runs on with its devices",
  leaves: [/starts of libvirtd/],
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    const libvirtd = await host.libvirtd();
    await host.script(`qemu.d/${guest.name}/started/begin`, `kill -9 ${libvirtd}`);
    assertEquals((await guest.tryStart()).code, 1);
    await host.answers(libvirtd);
    await host.idle();
    assertEquals(await guest.state(), "running");
    assertEquals(await host.drivers("gpu", "nic"), ["vfio-pci", "vfio-pci"]);
    assertEquals((await host.journals()).map(({ state }) => state), ["running"]);
    await guest.destroy();
    assertEquals(await host.outcomes(), ["returned"]);
  },
};
