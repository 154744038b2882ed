/**
 * One undoer: the lock that a program holds from its first look at a guest to its end.
 *
 * @module
 */

import { AidError } from "./errors.ts";
import { JOURNALS } from "./journal.ts";
import type { System } from "./system.ts";

/** How long another program of the same guest may take to finish by itself. */
const PATIENCE_MS = 3_000;
/** How long a program that was killed may take to be gone. */
const DEATH_MS = 2_000;

/** Is it one of our programs? They all lie in one folder. A process whose program cannot be read is dying already. */
function isOurs(system: System, pid: number): boolean {
  const folder = (id: number) => system.link(`/proc/${id}/exe`)?.replace(/\/[^/]*$/, "");
  return pid !== system.pid && folder(pid) !== undefined && folder(pid) === folder(system.pid);
}

/**
 * Takes the lock of a guest. Who has it and does not give it back in time is killed: a killed process takes no further step,
 * even while a thread of it still sits in the kernel.
 *
 * @returns `hung`: the program before us sits in the kernel; what it was at is not to be touched again.
 * @throws {AidError} If even that does not help.
 */
export async function lockGuest(system: System, uuid: string): Promise<{ hung: boolean; release: () => void }> {
  const path = `${JOURNALS}/${uuid}.lock`;
  const lock = await system.lock(path, PATIENCE_MS);
  if (lock) return { hung: false, release: () => lock.release() };
  const holder = Number(system.read(path));
  if (Number.isInteger(holder) && holder > 1 && isOurs(system, holder)) await system.kill(holder);
  const second = await system.lock(path, DEATH_MS);
  if (second) return { hung: false, release: () => second.release() };
  const third = await system.lock(`${JOURNALS}/${uuid}.takeover.lock`, DEATH_MS);
  if (third) return { hung: true, release: () => third.release() };
  throw new AidError(`other programs have been at guest ${uuid} for too long`, "look at `ps`; try again, or reboot");
}
