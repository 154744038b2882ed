import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "QEMU does not start although the hand-over went well: everything comes back",
  async run(host) {
    const guest = await host.guest(["gpu", "nic"], { emulator: ["-device", "no-such-device"] });
    const { code, stderr } = await guest.tryStart();
    assertEquals(code, 1);
    assertMatch(stderr, /no-such-device/);
    await host.idle();
    assertEquals([await host.outcomes(), await host.journals()], [["returned"], []]);
  },
};
