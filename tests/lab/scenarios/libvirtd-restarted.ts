import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "libvirtd is reloaded and restarted while a guest runs: the guest keeps its devices",
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    await guest.start();
    const pid = await guest.pid();
    for (const order of ["reload", "restart"]) {
      await host.must(`systemctl ${order} libvirtd`);
      await host.answers();
      await host.idle();
      assertEquals([await guest.state(), await guest.pid()], ["running", pid], order);
      assertEquals(await host.drivers("gpu", "nic"), ["vfio-pci", "vfio-pci"], order);
    }
    await guest.destroy();
    assertMatch((await host.outcomes()).join(), /^returned$/);
  },
};
