import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "QEMU is killed: libvirt calls release, and everything comes back",
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    await guest.start();
    await host.must(`kill -9 ${await guest.pid()}`);
    await host.until("the end of the guest", `[ "$(virsh -q domstate ${guest.name})" = 'shut off' ]`);
    await host.idle();
    assertEquals(await host.outcomes(), ["returned"]);
    assertMatch(await host.log(), /everything was taken back/);
  },
};
