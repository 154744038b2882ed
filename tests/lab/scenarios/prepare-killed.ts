import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "prepare-begin is killed at each of its steps in turn: the start fails, and everything is back each time",
  async run(host) {
    const guest = await host.guest(["gpu"]);
    await guest.start();
    const steps = (await host.journals())[0]!.entries.length;
    await guest.destroy();
    for (let step = 1; step <= steps; step++) {
      // the kill may come a step too late on a busy machine: then once more
      for (let attempt = 1, hit = 0; hit !== step; attempt++) {
        assert(attempt <= 4, `step ${step} of ${steps} was never hit`);
        await host.must("modprobe -r vfio_pci"); // so that loading it is a step, too
        const at = await host.atEntry(guest, "applying", step, "KILL", "phase");
        const { code, stderr } = await guest.tryStart();
        await at.seen;
        assertEquals(code, 1, `it started although prepare was killed at step ${step} of ${steps}`);
        assertMatch(stderr, /prepare-begin ended with status 137/);
        await host.idle();
        assertEquals(
          [await host.drivers("gpu"), await host.journals()],
          [["bochs-drm"], []],
          `step ${step} of ${steps}`,
        );
        hit = (await host.history()).at(-1)!.entries.length;
      }
    }
    await guest.start();
    await guest.destroy();
  },
};
