import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "a guest starts by itself when the host boots",
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    await host.must(`virsh -q autostart ${guest.name}`);
    await host.reboot();
    await host.answers();
    await host.until("the guest", `[ "$(virsh -q domstate ${guest.name})" = running ]`);
    assertEquals(await host.drivers("gpu", "nic"), ["vfio-pci", "vfio-pci"]);
    await host.until("its journal", `grep -q '"running"' /run/virt-aid/guests/${guest.uuid}.json`);
    await guest.destroy();
    assertMatch((await host.outcomes()).join(), /^returned$/);
  },
};
