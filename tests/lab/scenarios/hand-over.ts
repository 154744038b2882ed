import { assertEquals } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "a NIC and a second GPU are handed over and come back, twice, managed by libvirt and not",
  async run(host) {
    for (const managed of [true, false]) {
      const guest = await host.guest(["gpu", "nic"], { managed, boots: managed }); // both ways of that too
      for (let time = 0; time < 2; time++) {
        await guest.start();
        assertEquals(await host.drivers("gpu", "nic"), ["vfio-pci", "vfio-pci"]);
        assertEquals((await host.journals()).map(({ state }) => state), ["running"]);
        await guest.destroy();
        assertEquals(await host.drivers("gpu", "nic"), ["bochs-drm", "e1000e"]);
        assertEquals(await host.journals(), []);
      }
    }
    assertEquals(await host.outcomes(), ["returned", "returned", "returned", "returned"]);
  },
};
