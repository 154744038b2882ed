import { assertEquals } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "the release program and libvirtd are killed: nobody calls release again, recovery brings everything back",
  leaves: [/starts of libvirtd/],
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    await guest.start();
    const libvirtd = await host.libvirtd();
    const at = await host.atEntry(guest, "undoing", 4, "KILL", "dispatcher", "phase", libvirtd);
    await host.run(`virsh -q destroy ${guest.name}`);
    await at.seen;
    await host.answers(libvirtd);
    await host.takenBack(guest);
    assertEquals(await host.outcomes(), ["recovered"]);
  },
};
