import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "a function whose group has others that the host uses is refused, and nothing is touched",
  async run(host) {
    const guest = await host.guest(["sata"]);
    const events = await host.deviceEvents();
    const { code, stderr } = await guest.tryStart();
    assertEquals(code, 1);
    assertMatch(stderr, /virt-aid: g1: .*0000:00:1f\.3/);
    assertEquals(await host.deviceEvents(), events, "a device was touched");
    assertEquals([await host.outcomes(), await host.journals()], [["refused"], []]);
  },
};
