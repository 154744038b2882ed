import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "prepare-begin is killed at each of its steps in turn: the start fails, and everything is back each time",
  async run(host) {
    const guest = await host.guest(["gpu"]);
    await guest.start();
    const steps = (await host.journals())[0]!.entries.length;
    await guest.destroy();
    for (let step = 1; step <= steps; step++) {
      const killed = host.atEntry(guest, "applying", step, "0");
      const { code, stderr } = await guest.tryStart();
      await killed;
      assertEquals(code, 1, `it started although prepare was killed at step ${step} of ${steps}`);
      assertMatch(stderr, /virt-aid: /);
      await host.idle();
      assertEquals([await host.driver("gpu"), await host.journals()], ["bochs-drm", []], `step ${step} of ${steps}`);
    }
    await guest.start();
    await guest.destroy();
  },
};
