import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "libvirtd is killed while a guest is prepared: the hook notices, and takes everything back",
  leaves: [/starts of libvirtd/],
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    const libvirtd = await host.libvirtd();
    const at = await host.atEntry(guest, "applying", 8, "KILL", libvirtd);
    assertEquals((await guest.tryStart()).code, 1);
    await at.seen;
    await host.answers(libvirtd);
    await host.idle();
    assertEquals([await host.journals(), await host.outcomes()], [[], ["returned"]]);
    assertMatch(await host.log(), /libvirtd went away while the guest was prepared/);
    await guest.start();
    await guest.destroy();
  },
};
