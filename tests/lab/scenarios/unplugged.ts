import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "a device is unplugged while the guest has it: the guest ends, the rest comes back",
  leaves: [/^was: 0000:04:00\.0 /],
  async run(host) {
    const guest = await host.guest(["gpu", "spare"]);
    await guest.start();
    await host.emulator.tell("device_del", { id: "spare" });
    await host.until("the kernel's part", "dmesg | grep -q 'vfio-pci 0000:04:00.0: .*request'");
    await guest.destroy();
    await host.until("the end of the device", "[ ! -e /sys/bus/pci/devices/0000:04:00.0 ]");
    await host.idle();
    assertEquals(await host.journals(), []);
    assertMatch((await host.outcomes()).join(), /^returned$/);
  },
};
