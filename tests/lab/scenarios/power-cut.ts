import { assertEquals } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "the power fails in the middle of a hand-over: after the boot the host has everything, and the guest starts",
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    const other = await host.guest(["sata"]);
    assertEquals((await other.tryStart()).code, 1); // something in the history
    const at = await host.atEntry(guest, "applying", 8);
    const start = guest.tryStart().catch(() => {}); // goes with the machine
    await at.seen;
    await host.powerCut();
    await start;
    await host.answers();
    assertEquals([await host.journals(), await host.outcomes()], [[], ["refused"]]);
    await guest.start();
    assertEquals(await host.drivers("gpu", "nic"), ["vfio-pci", "vfio-pci"]);
    await guest.destroy();
    assertEquals(await host.outcomes(), ["refused", "returned"]);
  },
};
