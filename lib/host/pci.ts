/**
 * Facts about the PCI functions of the host, as sysfs tells them.
 *
 * @module
 */

import { basename } from "@std/path/posix";
import type { System } from "../system.ts";

/** Folder of the functions. */
export const PCI = "/sys/bus/pci/devices";

/** A PCI function and what its users are. */
export interface PciFunction {
  /** `0000:01:00.0`. */
  readonly address: string;
  /** Class code, `0x030000`. */
  readonly class: string;
  /** Vendor id, `0x10de`. */
  readonly vendor: string;
  /** Device id, `0x2684`. */
  readonly device: string;
  /** Driver that it is on. */
  readonly driver?: string;
  /** That driver's module; undefined where it is part of the kernel. */
  readonly module?: string;
  /** It is on vfio-pci or a variant of it. */
  readonly vfio: boolean;
  /** Number of its IOMMU group. */
  readonly group?: number;
  /** Bridges above it, the nearest last. */
  readonly above: readonly string[];
  /** Its configuration space answers; a function that fell off the bus reads as all ones. */
  readonly answers: boolean;
  /** What the kernel matches drivers against, `pci:v000010DEd...`. */
  readonly modalias: string;
  /** How many virtual functions it has switched on. */
  readonly vfs: number;
}

/** Is it a bridge, to PCI or anything else? Those stay with the host. */
export function isBridge(fn: PciFunction): boolean {
  return fn.class.startsWith("0x06");
}

/** Is it a bridge to PCI? Only these have drivers that leave their group usable (docs/vfio.md 4.4). */
export function isPciBridge(fn: PciFunction): boolean {
  return /^0x060[49]/.test(fn.class);
}

/** Is it a display controller: VGA, XGA, 3D or other? */
export function isDisplay(fn: Pick<PciFunction, "class">): boolean {
  return fn.class.startsWith("0x03");
}

/** The slot that a function is in: functions of one card share it. */
export function slotOf(address: string): string {
  return address.slice(0, address.lastIndexOf("."));
}

/** Name that a function's driver link points at. */
export function driverOf(system: System, address: string): string | undefined {
  const link = system.link(`${PCI}/${address}/driver`);
  return link === undefined ? undefined : basename(link);
}

/** Functions that are on a driver. */
export function functionsOn(system: System, driver: string): string[] {
  return system.list(`/sys/bus/pci/drivers/${driver}`).filter((name) => /^[0-9a-f]{4,}:/.test(name));
}

/**
 * Is a function on vfio-pci or a variant of it? Since Linux 6.1 such a driver has a `vfio-dev` folder; before, the variants
 * were told by their names alone.
 */
export function onVfio(system: System, address: string): boolean {
  return system.info(`${PCI}/${address}/vfio-dev`) !== undefined || /vfio/.test(driverOf(system, address) ?? "");
}

/** An attribute of a function, without white space around it; undefined where there is none. */
export function attribute(system: System, address: string, name: string): string | undefined {
  return system.read(`${PCI}/${address}/${name}`)?.trim();
}

/** `driver_override` as it is set, or null. The kernel writes `(null)` for none. */
export function overrideOf(system: System, address: string): string | null {
  const text = attribute(system, address, "driver_override");
  return text === undefined || text === "" || text === "(null)" ? null : text;
}

/** Reads one function; undefined where there is none at that address. */
export function readFunction(system: System, address: string): PciFunction | undefined {
  const folder = `${PCI}/${address}`;
  const place = system.link(folder);
  const of = (name: string) => attribute(system, address, name);
  const code = of("class");
  if (place === undefined || code === undefined) return undefined;
  const group = system.link(`${folder}/iommu_group`);
  const module = system.link(`${folder}/driver/module`);
  // all 64 bytes: a virtual function that works has ones in the first four
  const header = system.readBytes(`${folder}/config`, 64);
  return {
    address,
    class: code,
    vendor: of("vendor") ?? "",
    device: of("device") ?? "",
    driver: driverOf(system, address),
    module: module === undefined ? undefined : basename(module),
    vfio: onVfio(system, address),
    group: group === undefined ? undefined : Number(basename(group)),
    above: place.split("/").slice(0, -1).filter((part) => /^[0-9a-f]{4,}:[0-9a-f]{2}:/.test(part)),
    answers: header === undefined || header.some((byte) => byte !== 0xff),
    modalias: of("modalias") ?? "",
    vfs: Number(of("sriov_numvfs") ?? 0),
  };
}

/**
 * Reads the functions that a hand-over of some of them concerns: those, and all that share an IOMMU group with one.
 *
 * @param addresses What the guest wants.
 * @returns By address; one that does not exist is not in it.
 */
export function readFunctions(system: System, addresses: readonly string[]): Record<string, PciFunction> {
  const functions: Record<string, PciFunction> = {};
  const groups = new Set<number>();
  const add = (address: string): void => {
    if (Object.hasOwn(functions, address)) return;
    const fn = readFunction(system, address);
    if (!fn) return;
    functions[address] = fn;
    if (fn.group === undefined || groups.has(fn.group)) return;
    groups.add(fn.group);
    for (const member of system.list(`/sys/kernel/iommu_groups/${fn.group}/devices`)) add(member);
  };
  for (const address of addresses) add(address);
  return functions;
}
