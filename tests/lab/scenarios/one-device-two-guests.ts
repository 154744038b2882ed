import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "of two guests that want one device the second is refused, and the first is unharmed",
  async run(host) {
    const first = await host.guest(["gpu", "nic"]);
    const second = await host.guest(["nic"]);
    await first.start();
    const pid = await first.pid();
    const { code, stderr } = await second.tryStart();
    assertEquals(code, 1);
    assertMatch(stderr, /virt-aid: g2: .*g1/);
    assertEquals([await first.state(), await first.pid()], ["running", pid]);
    assertEquals(await host.drivers("gpu", "nic"), ["vfio-pci", "vfio-pci"]);
    await first.destroy();
    await second.start();
    await second.destroy();
    assertEquals(await host.outcomes(), ["returned", "refused", "returned"]);
  },
};
