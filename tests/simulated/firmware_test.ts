/** The firmware's picture on the simulated host (docs/vfio.md 4.3, F8, F9). */

import { assertEquals, assertThrows } from "@std/assert";
import type { System } from "../../lib/system.ts";
import type { SimulatedHost } from "./host.ts";
import type { FunctionSpec, Machine } from "./machine.ts";
import { hostOf, on } from "./on.ts";

const CARD = "0000:01:00.0";
const PCI = `/sys/bus/pci/devices/${CARD}`;
const NAME = "efi-framebuffer.0";
const DEVICE = `/sys/bus/platform/devices/${NAME}`;
const DRIVER = "/sys/bus/platform/drivers/efi-framebuffer";

/** A machine whose only card shows the firmware's picture. */
function machine(more: Partial<FunctionSpec> = {}): Machine {
  const card: FunctionSpec = {
    ...{ address: CARD, class: "0x030000", vendor: "0x10de", device: "0x2684", group: 1, bootVga: true },
    knownBy: ["nouveau", "nvidia"],
    firmware: "efi-framebuffer",
    drm: { card: 0, fb: 0 },
    ...more,
  };
  return { name: "firmware", iommu: true, functions: [card] };
}

/** Gives the card to a driver, which has to be registered. */
function bind(host: SimulatedHost, system: System, driver: string): void {
  host.pci.register(driver);
  system.write(`${PCI}/driver_override`, driver);
  system.write("/sys/bus/pci/drivers_probe", CARD);
  assertEquals(host.pci.at(CARD).driver, driver);
}

const buffers = (system: System) => system.list("/sys/class/graphics");

Deno.test("firmware: a device below the function with a driver, a frame buffer and the console", async () => {
  const host = hostOf(machine());
  await on(host, (system) => {
    assertEquals(system.link(DEVICE), `../../../devices/pci0000:01/${CARD}/${NAME}`);
    assertEquals(system.link(`${DEVICE}/driver`), "../../../../bus/platform/drivers/efi-framebuffer");
    assertEquals(system.list(`${PCI}/${NAME}/graphics`), ["fb0"]);
    assertEquals(system.read("/sys/class/graphics/fb0/name"), "EFI VGA\n");
    assertEquals([system.info("/dev/fb0")?.kind, host.consoles.bound], ["other", true]);
    system.write(`${DEVICE}/driver/unbind`, NAME);
    assertEquals([buffers(system), host.consoles.bound, system.info("/dev/fb0")], [[], false, undefined]);
    assertEquals(system.link(`${DEVICE}/driver`), undefined);
    assertThrows(() => system.write(`${DRIVER}/unbind`, NAME), Error, "No such device");
    assertThrows(() => system.write(`${DRIVER}/bind`, "efi-framebuffer.1"), Error, "No such device");
    system.write(`${DRIVER}/bind`, NAME);
    assertEquals([buffers(system), host.consoles.bound], [["fb0"], true]);
    assertThrows(() => system.write(`${DRIVER}/bind`, NAME), Deno.errors.Busy);
    host.fault({ name: "firmware-fails" });
    assertThrows(() => system.write(`${DRIVER}/unbind`, NAME), Error, "Input/output error");
    host.heal();
    host.fault({ name: "firmware-ignored" });
    system.write(`${DRIVER}/unbind`, NAME);
    assertEquals(buffers(system), ["fb0"]);
  });
});

Deno.test("firmware: a driver of the kernel's own takes its device away for good, NVIDIA's leaves it", async () => {
  const native = hostOf(machine());
  await on(native, (system) => {
    system.write("/sys/class/vtconsole/vtcon1/bind", "0");
    bind(native, system, "nouveau");
    assertEquals([system.info(DEVICE), system.read("/sys/class/graphics/fb0/name")], [undefined, "drmdrmfb\n"]);
    assertEquals(native.consoles.bound, true, "it is a new console");
    assertThrows(() => system.write(`${DRIVER}/bind`, NAME), Error, "No such device");
    system.write(`${PCI}/driver/unbind`, CARD);
    assertEquals([buffers(system), system.info(DEVICE)], [[], undefined]);
  });
  const nvidia = hostOf(machine());
  await on(nvidia, (system) => {
    bind(nvidia, system, "nvidia");
    assertEquals(system.read("/sys/class/graphics/fb0/name"), "EFI VGA\n");
  });
  const booted = hostOf(machine({ driver: "nouveau" }));
  assertEquals(booted.tree.find(DEVICE), undefined, "absent is normal");
});

Deno.test("firmware: vfio-pci removes it of a VGA card; of another card it goes on under the guest", async () => {
  const take = async (card: Partial<FunctionSpec>, before?: string) => {
    const host = hostOf(machine(card));
    await on(host, (system) => {
      if (before) system.write(`${DRIVER}/unbind`, before);
      bind(host, system, "vfio-pci");
    });
    return [host.harms, host.tree.find(DEVICE) !== undefined];
  };
  const harm = `${CARD} shows the firmware's picture under vfio`;
  assertEquals(await take({}), [[], false]);
  assertEquals(await take({ class: "0x038000" }), [[harm], true]);
  assertEquals(await take({ class: "0x038000" }, NAME), [[], true]);
});

Deno.test("firmware: it goes with the function that it is below", async () => {
  const host = hostOf(machine());
  await on(host, (system) => {
    system.write(`${PCI}/remove`, "1");
    assertEquals([buffers(system), system.list("/sys/bus/platform/devices"), host.consoles.bound], [[], [], false]);
    system.write("/sys/bus/pci/rescan", "1");
    assertEquals([host.pci.functions.has(CARD), buffers(system)], [true, []]);
  });
});
