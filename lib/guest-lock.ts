/**
 * One undoer: the lock that a program holds from its first look at a guest to its end.
 *
 * @module
 */

import { AidError } from "./errors.ts";
import { JOURNALS } from "./journal.ts";
import type { Lock, System } from "./system.ts";

/** How long another program of the same guest may take to finish by itself, where libvirt waits for us. */
export const PATIENCE_MS = 3_000;
/** How long a program that was killed may take to be gone. */
const DEATH_MS = 1_000;
/** So many programs may sit in the kernel for one guest: each at another function. */
const LOCKS = 16;

/** How long a lock that is free may take to be had. */
const GRAB_MS = 100;

/** KILL, signal 9, in the masks of signals that a process has not got yet. */
const KILL_PENDING = /^(Sig|Shd)Pnd:\s*[0-9a-f]*[13579bdf][0-9a-f]{2}$/m;

/** Was a process killed, and yet is not gone? Its threads end when they come back from the kernel. */
function sitsInKernel(system: System, pid: number): boolean {
  const status = system.read(`/proc/${pid}/status`);
  return status !== undefined && (programFolder(system, pid) === undefined || KILL_PENDING.test(status));
}

/** Folder of a process's program; undefined where it is dead but for a thread that sits in the kernel. */
function programFolder(system: System, pid: number): string | undefined {
  return system.link(`/proc/${pid}/exe`)?.replace(/\/[^/]*$/, "");
}

/**
 * Takes one lock. A holder of our own that does not come to its end is killed.
 *
 * @returns Undefined where the holder is dead and yet holds it: it sits in the kernel.
 * @throws {AidError} If the holder is none of our programs, or cannot be found.
 */
async function take(system: System, path: string, patienceMs: number): Promise<Lock | undefined> {
  const free = await system.lock(path, GRAB_MS);
  if (free) return free;
  // the pid of an earlier holder may stand there for a moment still: only one that is dead and there is not waited for
  const given = await system.lock(path, sitsInKernel(system, Number(system.read(path))) ? DEATH_MS : patienceMs);
  if (given) return given;
  const holder = Number(system.read(path));
  if (!(holder > 1) || system.info(`/proc/${holder}/stat`) === undefined) {
    throw new AidError(`${path} is held by a process that cannot be found`, "try again");
  }
  const folder = programFolder(system, holder);
  if (folder !== undefined && folder !== programFolder(system, system.pid)) {
    throw new AidError(`${path} is held by process ${holder}, which is none of our programs`, `end process ${holder}`);
  }
  if (folder !== undefined) await system.kill(holder);
  return await system.lock(path, DEATH_MS);
}

/**
 * Takes the lock of a guest. Who has it and does not give it back in time is killed: a killed process takes no further step,
 * even while a thread of it still sits in the kernel. The next program then goes on under the next lock.
 *
 * @param patienceMs How long another program of ours may take to finish by itself.
 * @returns `hung`: a program before us sits in the kernel; what it was at is not to be touched again.
 * @throws {AidError} If another program that is none of ours has it.
 */
export async function lockGuest(
  system: System,
  uuid: string,
  patienceMs: number,
): Promise<{ hung: boolean; release: () => void }> {
  for (let n = 0; n < LOCKS; n++) {
    const name = `${uuid}${n === 0 ? "" : `.takeover${n === 1 ? "" : `-${n}`}`}.lock`;
    const lock = await take(system, `${JOURNALS}/${name}`, patienceMs);
    if (lock) return { hung: n > 0, release: () => lock.release() };
  }
  throw new AidError(`${LOCKS} programs sit in the kernel for guest ${uuid}`, "only a reboot frees its devices");
}
