/**
 * One undoer: the lock that a program holds from its first look at a guest to its end.
 *
 * @module
 */

import { AidError } from "./errors.ts";
import { INTERRUPTED, JOURNALS } from "./journal.ts";
import type { Lock, System } from "./system.ts";

/** How long another program of the same guest may take to finish by itself, where libvirt waits for us. */
export const PATIENCE_MS = 3_000;
/** How long a program that was killed may take to be gone. */
const DEATH_MS = 1_000;
/** So many programs may sit in the kernel for one guest: each at another function. */
const LOCKS = 16;
/** So many times one of them may come back from the kernel while its locks are taken. */
const TURNS = 3;

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

/** The process that a lock names. */
function holderOf(system: System, path: string): number {
  return Number(system.read(path));
}

/** The lock of a guest, held. */
export interface GuestLock {
  /** A program before us sits in the kernel; what it was at is not to be touched again. */
  readonly hung: boolean;
  /** Gives it back. */
  release(): void;
}

/** Notes that a recovery is killed: it was at one guest, and is to go on with the others. */
function noteInterrupted(system: System): void {
  try {
    system.save(INTERRUPTED, "");
  } catch {
    // a full disk: then libvirt's next start begins it again
  }
}

/**
 * Takes one lock. A holder of our own that does not come to its end is killed.
 *
 * @returns `hangs`: the holder is dead and yet holds it, as it sits in the kernel; `spared`: it is not to be taken away.
 * @throws {AidError} If the holder is none of our programs, or cannot be found.
 */
async function take(
  system: System,
  path: string,
  patienceMs: number,
  mayTake: () => boolean,
): Promise<Lock | "hangs" | "spared"> {
  const free = await system.lock(path, GRAB_MS);
  if (free) return free;
  // the pid of an earlier holder may stand there for a moment still: only one that is dead and there is not waited for
  const given = await system.lock(path, sitsInKernel(system, holderOf(system, path)) ? DEATH_MS : patienceMs);
  if (given) return given;
  if (!mayTake()) return "spared";
  const holder = holderOf(system, path);
  if (!(holder > 1) || system.info(`/proc/${holder}/stat`) === undefined) {
    throw new AidError(`${path} is held by a process that cannot be found`, "try again");
  }
  const folder = programFolder(system, holder);
  if (folder !== undefined && folder !== programFolder(system, system.pid)) {
    throw new AidError(`${path} is held by process ${holder}, which is none of our programs`, `end process ${holder}`);
  }
  if (folder !== undefined) {
    if (system.link(`/proc/${holder}/exe`) === `${folder}/virt-aid`) noteInterrupted(system);
    await system.kill(holder);
  }
  return await system.lock(path, DEATH_MS) ?? "hangs";
}

/**
 * Takes the lock of a guest. Who has it and does not give it back in time is killed: a killed process takes no further step,
 * even while a thread of it still sits in the kernel. The next program then goes on under the next lock, and a program
 * that gets a lock takes all further ones that there are: the kernel may let go of the dead one while its successor works.
 *
 * @param patienceMs How long another program of ours may take to finish by itself.
 * @param mayTake Asked when that is over: may it be taken from who has it?
 * @returns Undefined only where `mayTake` says no.
 * @throws {AidError} If another program that is none of ours has it, or too many sit in the kernel.
 */
export async function lockGuest(system: System, uuid: string, patienceMs: number): Promise<GuestLock>;
export async function lockGuest(
  system: System,
  uuid: string,
  patienceMs: number,
  mayTake: () => boolean,
): Promise<GuestLock | undefined>;
export async function lockGuest(
  system: System,
  uuid: string,
  patienceMs: number,
  mayTake: () => boolean = () => true,
): Promise<GuestLock | undefined> {
  const held: Lock[] = [];
  const release = () => held.splice(0).forEach((lock) => lock.release());
  try {
    for (let turn = 0; turn < TURNS; turn++) {
      const hanging: string[] = [];
      for (let n = 0; n < LOCKS; n++) {
        const path = `${JOURNALS}/${uuid}${n === 0 ? "" : `.takeover${n === 1 ? "" : `-${n}`}`}.lock`;
        if (held.length > 0 && system.info(path) === undefined) break;
        const lock = await take(system, path, patienceMs, mayTake);
        if (lock === "spared") {
          release();
          return undefined;
        }
        if (lock === "hangs") hanging.push(path);
        else held.push(lock);
      }
      if (held.length === 0) {
        throw new AidError(`${LOCKS} programs sit in the kernel for guest ${uuid}`, "only a reboot frees its devices");
      }
      // one that came back meanwhile may have let somebody in who looked before ours was there
      if (hanging.every((path) => sitsInKernel(system, holderOf(system, path)))) {
        return { hung: hanging.length > 0, release };
      }
      release();
    }
    throw new AidError(`programs of guest ${uuid} come and go`, "try again");
  } catch (error) {
    release();
    throw error;
  }
}
