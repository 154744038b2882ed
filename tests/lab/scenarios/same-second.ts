import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "two guests with a device each start and end at the same time",
  async run(host) {
    const guests = [await host.guest(["gpu"]), await host.guest(["nic"], { managed: false })];
    for (const [n, { name }] of guests.entries()) {
      const other = guests[1 - n]!.name;
      // each waits until the other one's hook runs too, so that the phases begin together
      const meet = `touch /run/lab/${name}; timeout 20 bash -c 'until [ -e /run/lab/${other} ]; do sleep 0.01; done'`;
      await host.script(`qemu.d/${name}/prepare/begin`, meet);
      await host.script(`qemu.d/${name}/release/end`, `rm -f /run/lab/${name}`);
    }
    for (let time = 0; time < 2; time++) {
      await Promise.all(guests.map((guest) => guest.start()));
      assertEquals(await host.drivers("gpu", "nic"), ["vfio-pci", "vfio-pci"]);
      assertEquals((await host.journals()).map(({ claims }) => claims), [["0000:01:00.0"], ["0000:02:00.0"]]);
      await Promise.all(guests.map((guest) => guest.destroy()));
    }
    const runs = await host.history();
    assertEquals(runs.map(({ outcome }) => outcome), ["returned", "returned", "returned", "returned"]);
    assertMatch(runs.map(({ guest }) => guest.name).toSorted().join(), /^g1,g1,g2,g2$/);
  },
};
