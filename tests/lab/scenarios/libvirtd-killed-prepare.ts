import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "libvirtd is killed while a guest is prepared: nobody calls release, and everything comes back by itself",
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    const killed = host.atEntry(guest, "applying", 8, await host.libvirtd());
    assertEquals((await guest.tryStart()).code, 1);
    await killed;
    await host.answers();
    await host.idle();
    assertEquals(await host.journals(), []);
    assertMatch((await host.outcomes()).join(), /^(recovered|rolled back|returned)$/);
    await guest.start();
    await guest.destroy();
  },
};
