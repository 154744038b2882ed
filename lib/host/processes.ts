/**
 * The processes of the host.
 *
 * @module
 */

import type { System } from "../system.ts";

/** Their ids, in byte order. */
export function pids(system: System): string[] {
  return system.list("/proc").filter((name) => /^\d+$/.test(name));
}

/** Fields of /proc/PID/stat from the third on, the state; undefined where there is no such process. A name may hold blanks. */
function statOf(system: System, pid: number): string[] | undefined {
  const stat = system.read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Start time of a process in clock ticks since boot; undefined where it does not run. */
export function startOf(system: System, pid: number): string | undefined {
  return statOf(system, pid)?.[19];
}

/** Parent of a process; undefined where it does not run. */
export function parentOf(system: System, pid: number): number | undefined {
  const stat = statOf(system, pid);
  return stat && Number(stat[1]);
}

/** State of a process, `S` or `Z`; undefined where there is none. */
export function stateOfProcess(system: System, pid: number): string | undefined {
  return statOf(system, pid)?.[0];
}

/** Does that very process still run? Its number may be another's by now. */
export function stillRuns(system: System, { pid, start }: { readonly pid: number; readonly start: string }): boolean {
  return startOf(system, pid) === start;
}

/** The session, as the kernel has it, that a process is in: the id of the process that leads it. Undefined where it does not run. */
export function kernelSessionOf(system: System, pid: number): number | undefined {
  const stat = statOf(system, pid);
  return stat && Number(stat[3]);
}

/** What a process was started with; its program first. None where it does not run. */
export function argumentsOf(system: System, pid: number | string): string[] {
  return (system.read(`/proc/${pid}/cmdline`) ?? "").split("\0");
}

/** A process's environment as it was at its start; nothing where it may not be read. */
export function environmentOf(system: System, pid: number): Map<string, string> {
  const read = () => {
    try {
      return system.read(`/proc/${pid}/environ`) ?? "";
    } catch {
      return ""; // a profile of AppArmor keeps us from it
    }
  };
  return new Map(read().split("\0").map((line) => [line.split("=", 1)[0]!, line.slice(line.indexOf("=") + 1)]));
}

/** Name of a process's program, as the kernel has it; undefined where it does not run. */
export function nameOf(system: System, pid: number | string): string | undefined {
  return system.read(`/proc/${pid}/comm`)?.trimEnd();
}

/** Number of a process's user; undefined where it does not run. */
export function userIdOf(system: System, pid: number | string): number | undefined {
  const uid = /^Uid:\s+(\d+)/m.exec(system.read(`/proc/${pid}/status`) ?? "")?.[1];
  return uid === undefined ? undefined : Number(uid);
}

/** Users that the host has, each with name and number. */
function users(system: System): { readonly name: string; readonly uid: string }[] {
  const lines = (system.read("/etc/passwd") ?? "").split("\n").map((line) => line.split(":"));
  return lines.flatMap(([name, , uid]) => name && uid ? [{ name, uid }] : []);
}

/** Names of users by number. */
export function userNames(system: System): ReadonlyMap<string, string> {
  return new Map(users(system).map(({ name, uid }) => [uid, name]));
}

/** Number of a user by the name, or by the number where the user has no name. */
export function userIdNamed(system: System, name: string): number | undefined {
  const uid = users(system).find((user) => user.name === name)?.uid ?? name;
  return /^\d+$/.test(uid) ? Number(uid) : undefined;
}

/** The text console, `tty1`, that a process has as its terminal, if it has one. */
export function terminalOf(system: System, pid: number): string | undefined {
  const device = Number(statOf(system, pid)?.[4] ?? 0);
  const [major, minor] = [device >> 8, device & 0xff];
  return major === 4 && minor > 0 && minor < 64 ? `tty${minor}` : undefined;
}

/** Children of these processes, theirs, and so on; in the order of their ids. */
export function descendants(system: System, roots: readonly number[]): number[] {
  if (roots.length === 0) return [];
  const parents = new Map(pids(system).map(Number).map((pid) => [pid, parentOf(system, pid)]));
  const below = (pid: number, seen: readonly number[]): boolean => {
    const parent = parents.get(pid);
    // the table is not of one moment: a number that was used again could make it a ring
    if (parent === undefined || seen.includes(parent)) return false;
    return roots.includes(parent) || below(parent, [...seen, parent]);
  };
  return [...parents.keys()].filter((pid) => !roots.includes(pid) && below(pid, [pid])).sort((a, b) => a - b);
}

/** Processes that were started with all of these arguments. */
export function withArguments(system: System, ...wanted: readonly string[]): number[] {
  return pids(system).map(Number).filter((pid) => {
    const args = argumentsOf(system, pid);
    return wanted.every((arg) => args.includes(arg));
  });
}

/** Processes in control groups of these names, one inside the other: a unit's, or a unit's of a user's manager. */
export function inGroups(system: System, ...names: readonly string[]): number[] {
  return pids(system).map(Number).filter((pid) => {
    const path = `/${(system.read(`/proc/${pid}/cgroup`) ?? "").trim().split("\n").at(-1)}/`;
    let from = 0;
    return names.every((name) => (from = path.indexOf(`/${name}/`, from) + 1) > 0);
  });
}

/** Is it a libvirt daemon that has guests of QEMU? */
export function isLibvirt(system: System, pid: number | string): boolean {
  return /^(libvirtd|virtqemud)$/.test(nameOf(system, pid) ?? "");
}

/** Does one run? */
export function libvirtRuns(system: System): boolean {
  return pids(system).some((pid) => isLibvirt(system, pid));
}

/** Does a QEMU of this guest run? libvirt gives it the UUID on its command line. */
export function qemuRuns(system: System, uuid: string): boolean {
  return pids(system).some((pid) => {
    const args = argumentsOf(system, pid);
    return args.some((arg, i) => arg === "-uuid" && args[i + 1]?.toLowerCase() === uuid);
  });
}
