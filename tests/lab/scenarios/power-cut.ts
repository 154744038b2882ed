import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "the power fails in the middle of a hand-over: after the boot the host has everything, and the guest starts",
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    const middle = host.atEntry(guest, "applying", 8);
    const start = guest.tryStart().catch(() => {}); // goes with the machine
    await middle;
    await host.powerCut();
    await start;
    await host.answers();
    assertEquals(await host.journals(), []);
    await guest.start();
    assertMatch(await host.driver("gpu"), /^vfio-pci$/);
    await guest.destroy();
  },
};
