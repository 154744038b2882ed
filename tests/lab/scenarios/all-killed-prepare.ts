import { assertEquals } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what:
    "libvirtd, the hook and its phase are killed in the middle: nobody is left, and recovery brings everything back",
  leaves: [/starts of libvirtd/],
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    const libvirtd = await host.libvirtd();
    const at = await host.atEntry(guest, "applying", 9, "KILL", "dispatcher", "phase", libvirtd);
    assertEquals((await guest.tryStart()).code, 1);
    await at.seen;
    await host.answers(libvirtd);
    await host.takenBack(guest);
    assertEquals(await host.outcomes(), ["recovered"]);
    assertEquals(await host.drivers("gpu", "nic"), ["bochs-drm", "e1000e"]);
    await guest.start();
    await guest.destroy();
  },
};
