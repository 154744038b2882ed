import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "libvirtd is killed while it waits for the release hook: everything comes back",
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    await guest.start();
    const killed = host.atEntry(guest, "undoing", 4, await host.libvirtd());
    await host.run(`virsh -q destroy ${guest.name}`);
    await killed;
    await host.answers();
    await host.idle();
    assertEquals(await host.journals(), []);
    assertMatch((await host.outcomes()).join(), /^(returned|recovered)$/);
  },
};
