import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "the release program and libvirtd are killed: nobody calls release again, recovery brings everything back",
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    await guest.start();
    await host.script(
      "qemu.d/g1/stopped/end",
      "setsid -f /usr/local/lib/lab/at-entry.py " + `${guest.uuid} undoing 4 0`,
    );
    const killed = host.atEntry(guest, "undoing", 4, await host.libvirtd());
    await host.run(`virsh -q destroy ${guest.name}`);
    await killed;
    await host.answers();
    await host.until("the recovery", `[ ! -e /run/virt-aid/guests/${guest.uuid}.json ]`);
    await host.idle();
    assertMatch((await host.outcomes()).join(), /^(returned|recovered)$/);
    assertEquals(await host.driver("nic"), "e1000e");
  },
};
