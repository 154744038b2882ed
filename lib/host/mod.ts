/**
 * Everything about the host that a plan goes by, as plain data: a Host that was saved on one machine can be planned for on
 * another.
 *
 * @module
 */

import type { System } from "../system.ts";
import { attributed, type Desktop, readDesktop } from "./desktop.ts";
import { type Display, readDisplays } from "./display.ts";
import { type FileState, fileStates } from "./files.ts";
import { GPU_SERVICES } from "./gpu-drivers.ts";
import { type Holder, holdersOf } from "./holders.ts";
import { type Memory, readMemory } from "./memory.ts";
import { type DriverState, driverState, variantsOf } from "./modules.ts";
import { isDisplay, type PciFunction, readFunctions, slotOf } from "./pci.ts";
import { type UsbDevice, usbDevices } from "./usb.ts";
import { defaultRoutes, keyboards, mountedDisks, type Use } from "./uses.ts";

/** What a guest wants to know of the host. */
export interface Question {
  /** PCI functions that it takes. */
  readonly pci: readonly string[];
  /** Drivers that these may go to. */
  readonly drivers: readonly string[];
  /** Files that it needs. */
  readonly files: readonly string[];
  /** Services that are stopped for it, beside those that come with drivers of graphics cards. */
  readonly services: readonly string[];
}

/** Facts about the host. */
export interface Host {
  /** The IOMMU is on. */
  readonly iommu: boolean;
  /** The functions that were asked about, and all in the IOMMU groups of these, by address. */
  readonly functions: Readonly<Record<string, PciFunction>>;
  /** Drivers that were asked about. */
  readonly drivers: Readonly<Record<string, DriverState>>;
  /** The variant of vfio-pci that libvirt 10 and newer would choose, by address. */
  readonly variants: Readonly<Record<string, string>>;
  /** Who has a node of one of the functions open. */
  readonly holders: readonly Holder[];
  /** Display functions, where the guest takes one from the host. */
  readonly displays: readonly Display[];
  /** What may hold them; undefined where nobody does, no display function is taken, and no service was asked about. */
  readonly desktop?: Desktop;
  /** Mounted file systems, swap and volumes. */
  readonly disks: readonly Use[];
  /** Default routes. */
  readonly routes: readonly Use[];
  /** Keyboards. */
  readonly keyboards: readonly Use[];
  /** USB devices. */
  readonly usb: readonly UsbDevice[];
  /** Files that were asked about. */
  readonly files: Readonly<Record<string, FileState>>;
  /** Memory. */
  readonly memory: Memory;
  /** Networks of libvirt that are active. */
  readonly networks: readonly string[];
  /** Names of the guests that have a function now, by its address. */
  readonly claims: Readonly<Record<string, string>>;
}

/** Is the IOMMU on? Units without groups mean that the kernel found one and does not use it for devices. */
function iommuOn(system: System): boolean {
  return system.list("/sys/class/iommu").length > 0 && system.list("/sys/kernel/iommu_groups").length > 0;
}

/**
 * Reads the host, without changing anything.
 *
 * @returns The facts, with no claims: those are read under a lock, just before the plan.
 */
export async function readHost(system: System, question: Question): Promise<Host> {
  const functions = readFunctions(system, question.pci);
  const all = Object.values(functions);
  const slots = new Set(question.pci.map(slotOf));
  // those that were asked about, and the other functions of their cards; a group's other members do not move
  const moving = all.filter((fn) => slots.has(slotOf(fn.address)));
  const displays = moving.some((fn) => isDisplay(fn) && !fn.vfio) ? readDisplays(system) : [];
  // those that the guest does not take, too: what the desktop has to do without says what it may come back with
  const looked = new Set([...moving, ...displays].map(({ address }) => address));
  const holders = await holdersOf(system, [...looked]);
  const known = displays.length > 0 || holders.length > 0 ? GPU_SERVICES : [];
  const services = [...new Set([...known, ...question.services])];
  const desktop = services.length > 0 ? await readDesktop(system, services, holders) : undefined;
  return {
    iommu: iommuOn(system),
    functions,
    drivers: Object.fromEntries(question.drivers.map((driver) => [driver, driverState(system, driver)])),
    variants: variantsOf(system, Object.fromEntries(all.map((fn) => [fn.address, fn.modalias]))),
    holders: desktop ? await attributed(system, holders, desktop) : holders,
    displays,
    desktop,
    disks: mountedDisks(system),
    routes: defaultRoutes(system),
    keyboards: keyboards(system),
    usb: usbDevices(system),
    files: await fileStates(system, question.files),
    memory: readMemory(system),
    networks: system.list("/run/libvirt/network").filter((name) => name.endsWith(".xml")).map((name) =>
      name.slice(0, -4)
    ),
    claims: {},
  };
}
