/**
 * Processes that nothing may end: other guests, what the host hangs on, and what this program itself comes from.
 *
 * @module
 */

import type { System } from "../system.ts";
import { argumentsOf, nameOf, parentOf, userIdOf } from "./processes.ts";
import { LOGIND } from "./programs.ts";

/** Daemons of root: libvirt's and their helpers, udev with its workers, logind, and who supervises others. */
const DAEMONS = new RegExp(
  `^(libvirtd|virt[a-z]+d|systemd-udevd|udevd|\\(udev-worker\\)|runsvdir|s6-svscan|${LOGIND.join("|")})$`,
);
/** The system's message bus, which has a user of its own; users have theirs, which go with their desktop. */
const BUS = /^dbus-(daemon|broker|broker-lau.*)$/;
const SYSTEM_BUS = /^(--system|system)$/;
/** Names of units and programs of these where they have the card open for those who show something on it. */
const SEAT_UNITS: readonly string[] = ["init.scope", ...LOGIND];

/** What a UUID looks like. */
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Is it the QEMU of a guest of libvirt? Told by what libvirt starts it with: not every host has control groups for guests.
 */
export function isGuest(system: System, pid: number): boolean {
  const args = argumentsOf(system, pid);
  const uuid = args[args.indexOf("-uuid") + 1] ?? "";
  const program = `${args[0]?.split("/").at(-1)} ${nameOf(system, pid)}`;
  return args.includes("-uuid") && UUID.test(uuid) && /qemu|kvm/i.test(program);
}

/** Is it one that the host hangs on: init, libvirt's daemons, udev, logind, the system's message bus? */
export function isVital(system: System, pid: number): boolean {
  if (pid === 1) return true;
  const name = nameOf(system, pid) ?? "";
  if (DAEMONS.test(name)) return userIdOf(system, pid) === 0;
  // dbus-broker itself is not told which bus it is, but who starts it is
  return BUS.test(name) &&
    [pid, parentOf(system, pid) ?? 0].some((at) => argumentsOf(system, at).some((arg) => SYSTEM_BUS.test(arg)));
}

/** A process and those that it comes from, without init. */
export function upFrom(system: System, pid: number): number[] {
  const found: number[] = [];
  for (let at: number | undefined = pid; at !== undefined && at > 1 && !found.includes(at); at = parentOf(system, at)) {
    found.push(at);
  }
  return found;
}

/**
 * Does this program come from it? What a person runs by hand only says what would be done: that the person's terminal shows
 * it is no reason to keep that.
 */
export function isAbove(system: System, pid: number): boolean {
  return system.program !== "virt-aid" && upFrom(system, system.pid).includes(pid);
}

/** Is that a service that has the card open for others and must not be ended itself? */
export function isSeatUnit(unit: string): boolean {
  return SEAT_UNITS.includes(unit.replace(/\.service$/, ""));
}
