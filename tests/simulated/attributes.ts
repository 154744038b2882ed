/**
 * The attribute files of a PCI function, as drivers/pci/pci-sysfs.c has them.
 *
 * @module
 */

import { kernelError } from "./errno.ts";
import type { PciBus } from "./pci.ts";
import type { PciFunction } from "./pci-function.ts";

/** An attribute file. */
interface Attribute {
  /** Permission bits. */
  readonly mode: number;
  /** What reading gives; without it the file cannot be read. */
  readonly read?: (fn: PciFunction, bus: PciBus) => string | Uint8Array;
  /** What writing does; without it the file cannot be written. */
  readonly write?: (fn: PciFunction, text: string, bus: PciBus) => void;
  /** Which functions have it; all where this is not said. */
  readonly has?: (fn: PciFunction) => boolean;
}

/** A number as kstrtoul takes it. */
function number(text: string): number {
  if (!/^\s*(0x[0-9a-f]+|[0-9]+)\n?$/i.test(text)) throw kernelError("EINVAL");
  return Number(text);
}

/** A word as sysfs_streq takes it, one of a few. */
function word<W extends string>(text: string, words: readonly W[]): W {
  const said = words.find((one) => text === one || text === `${one}\n`);
  if (said === undefined) throw kernelError("EINVAL");
  return said;
}

/** The header of the configuration space. */
function header(fn: PciFunction, bus: PciBus): Uint8Array {
  const bytes = new Uint8Array(256);
  const view = new DataView(bytes.buffer);
  const code = Number(fn.spec.class);
  const slot = fn.address.slice(0, -1);
  view.setUint16(0, Number(fn.spec.vendor), true);
  view.setUint16(2, Number(fn.spec.device), true);
  bytes.set([code & 0xff, (code >> 8) & 0xff, code >> 16], 9);
  bytes[14] = (fn.bridge ? 1 : 0) |
    ([...bus.functions.keys()].some((o) => o !== fn.address && o.startsWith(slot)) ? 0x80 : 0);
  // A virtual function has no ids of its own in there: both read as all ones (SR-IOV specification 3.4.1.1).
  if (fn.spec.physfn !== undefined) bytes.fill(0xff, 0, 4);
  return fn.answers ? bytes : bytes.fill(0xff);
}

/** vfio-pci lets a function sleep that nobody has open, where it may. */
function status(fn: PciFunction, bus: PciBus): "active" | "suspended" {
  return fn.control === "auto" && fn.driver === "vfio-pci" && bus.enabled(fn) === 0 ? "suspended" : "active";
}

const line = (value: string | number) => `${value}\n`;
const hex = (text: string, digits: number) => Number(text).toString(16).padStart(digits, "0").toUpperCase();

/** `pci:v000010DEd00002684sv...`, what modules.alias is matched against. */
export function modalias(spec: PciFunction["spec"]): string {
  const code = hex(spec.class, 6);
  const id = `v${hex(spec.vendor, 8)}d${hex(spec.device, 8)}sv00000000sd00000000`;
  return `pci:${id}bc${code.slice(0, 2)}sc${code.slice(2, 4)}i${code.slice(4)}`;
}

/** All of them. */
export const ATTRIBUTES: Readonly<Record<string, Attribute>> = {
  class: { mode: 0o444, read: (fn) => line(fn.spec.class) },
  vendor: { mode: 0o444, read: (fn) => line(fn.spec.vendor) },
  device: { mode: 0o444, read: (fn) => line(fn.spec.device) },
  subsystem_vendor: { mode: 0o444, read: () => "0x0000\n" },
  subsystem_device: { mode: 0o444, read: () => "0x0000\n" },
  revision: { mode: 0o444, read: () => "0xa1\n" },
  modalias: { mode: 0o444, read: (fn) => line(modalias(fn.spec)) },
  numa_node: { mode: 0o644, read: () => "-1\n" },
  config: { mode: 0o644, read: header },
  power_state: { mode: 0o444, read: (fn, bus) => status(fn, bus) === "active" ? "D0\n" : "D3hot\n" },
  boot_vga: {
    mode: 0o444,
    read: (fn) => fn.spec.bootVga ? "1\n" : "0\n",
    has: (fn) => fn.spec.class.startsWith("0x0300"),
  },
  // How often it was switched on: a driver of the host does so once, vfio-pci once for each descriptor that QEMU has.
  enable: { mode: 0o644, read: (fn, bus) => line(bus.enabled(fn)) },
  uevent: {
    mode: 0o644,
    read: (fn) =>
      `${fn.driver ? `DRIVER=${fn.driver}\n` : ""}PCI_SLOT_NAME=${fn.address}\nMODALIAS=${modalias(fn.spec)}\n`,
    write: () => {},
  },
  driver_override: {
    mode: 0o644,
    read: (fn, bus) => (bus.locked(fn), line(fn.override ?? "(null)")),
    write: (fn, text, bus) => bus.setOverride(fn, text),
  },
  d3cold_allowed: {
    mode: 0o644,
    read: (fn) => line(fn.d3cold ? 1 : 0),
    write: (fn, text, bus) => {
      const value = number(text) !== 0;
      bus.host.operate("power", fn.address, undefined, () => fn.d3cold = value);
    },
  },
  reset: {
    mode: 0o200,
    write: (fn, text, bus) => {
      if (number(text) !== 1) throw kernelError("EINVAL");
      bus.reset(fn);
    },
    has: (fn) => fn.resets.length > 0,
  },
  reset_method: {
    mode: 0o644,
    read: (fn) => line(fn.resets.join(" ")),
    write: (fn, text) => {
      const all = fn.spec.resets ?? DEFAULT_RESETS;
      const asked = text.trim().split(/\s+/).filter((one) => one !== "");
      if (asked.length === 1 && asked[0] === "default") fn.resets = all;
      else fn.resets = asked.map((one) => word(one, all));
    },
    has: (fn) => fn.resets.length > 0,
  },
  remove: {
    mode: 0o200,
    write: (fn, text, bus) => {
      if (number(text) !== 0) bus.remove(fn);
    },
  },
  rescan: {
    mode: 0o200,
    write: (fn, text, bus) => {
      if (number(text) !== 0) bus.rescan(fn.bridge ? fn.address : fn.spec.above);
    },
  },
  sriov_totalvfs: { mode: 0o444, read: (fn) => line(fn.vfs.length), has: (fn) => fn.vfs.length > 0 },
  sriov_numvfs: {
    mode: 0o644,
    read: (fn, bus) => line(bus.vfsOf(fn).length),
    write: (fn, text, bus) => bus.setVfs(fn, number(text)),
    has: (fn) => fn.vfs.length > 0,
  },
};

/** How most functions can be reset. */
export const DEFAULT_RESETS: readonly string[] = ["flr", "bus"];

/** Attributes in the folder `power`. */
export const POWER: Readonly<Record<string, Attribute>> = {
  control: {
    mode: 0o644,
    read: (fn) => line(fn.control),
    write: (fn, text, bus) => {
      const control = word(text, ["on", "auto"]);
      bus.host.operate("power", fn.address, undefined, () => fn.control = control);
    },
  },
  runtime_status: { mode: 0o444, read: (fn, bus) => line(status(fn, bus)) },
};
