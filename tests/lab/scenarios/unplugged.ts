import { assertEquals, assertMatch } from "@std/assert";
import { until } from "../../until.ts";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "a device is unplugged while a guest has it: the rest comes back; when it is plugged in again nothing is left",
  async run(host) {
    const peripherals = () => host.emulator.tell("qom-list", { path: "/machine/peripheral" });
    const guest = await host.guest(["gpu", "spare"]);
    await guest.start();
    await host.emulator.tell("device_del", { id: "spare" });
    await host.until("the kernel's request", "dmesg | grep -q 'vfio-pci 0000:04:00.0: .*request'");
    await guest.destroy();
    await host.until("the end of the device", "[ ! -e /sys/bus/pci/devices/0000:04:00.0 ]");
    await host.idle();
    assertEquals(await host.drivers("gpu"), ["bochs-drm"]);
    const errors = (await host.journals()).map(({ entries }) => entries.flatMap(({ error }) => error ?? []).join());
    assertMatch(errors.join("|"), /^0000:04:00\.0 is gone from the bus, neither after a reset nor after a rescan$/);
    await until("QEMU's end of the device", async () => !JSON.stringify(await peripherals()).includes("spare"));
    await host.emulator.tell("device_add", { driver: "e1000e", id: "spare", bus: "port4" });
    await host.until("the host's driver", "[ -e /sys/bus/pci/drivers/e1000e/0000:04:00.0 ]");
    await host.must("virt-aid recover");
    assertEquals([await host.journals(), await host.outcomes()], [[], ["recovered"]]);
    assertEquals((await host.log()).split("\n").at(-2)?.includes("ERROR"), false, "all is well in the end");
  },
};
