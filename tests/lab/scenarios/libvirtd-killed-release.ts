import { assertEquals } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "libvirtd is killed while it waits for the release hook: everything comes back",
  leaves: [/starts of libvirtd/],
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    await guest.start();
    const libvirtd = await host.libvirtd();
    const at = await host.atEntry(guest, "undoing", 4, "KILL", libvirtd);
    await host.run(`virsh -q destroy ${guest.name}`);
    await at.seen;
    await host.answers(libvirtd);
    await host.idle();
    assertEquals([await host.journals(), await host.outcomes()], [[], ["returned"]]);
  },
};
