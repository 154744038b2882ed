/**
 * Recovery: takes back the hand-overs whose guests are gone and for which nobody will call release.
 *
 * @module
 */

import { report } from "./errors.ts";
import { checkName } from "./event.ts";
import { type GuestLock, lockGuest } from "./guest-lock.ts";
import { HISTORY, whyNeverUp } from "./history.ts";
import { libvirtRuns, parentOf, qemuRuns, startOf, stillRuns } from "./host/processes.ts";
import {
  type Daemon,
  INTERRUPTED,
  type Journal,
  journalPath,
  JOURNALS,
  readJournal,
  readJournals,
  releasedPath,
  setAside,
} from "./journal.ts";
import { openLog } from "./log.ts";
import type { System } from "./system.ts";
import { takeBack } from "./undo.ts";

/** What became of a journal. */
export interface Recovery {
  /** The guest. */
  readonly guest: string;
  /** `recovered`: all was taken back; `left`: there was no need or no right to; `failed`: something is left. */
  readonly result: "recovered" | "left" | "failed";
  /** Why it was left, or what is left. */
  readonly text: string;
}

/** How long a program that is at work may take to finish: where it has a dispatcher, that ends it after so long. */
const PATIENCE_MS = 60_000;

/** How long the waits of one journal's undo may take together. */
const UNDO_MS = 60_000;

/** The libvirt daemon above a phase: the parent of the dispatcher, which is its own parent. Pid 1 has only adopted it. */
export function daemonOf(system: System): Daemon | undefined {
  const pid = parentOf(system, system.parent());
  const start = pid === undefined || pid <= 1 ? undefined : startOf(system, pid);
  return pid === undefined || start === undefined ? undefined : { pid, start };
}

/** Why a guest's journal is to be left alone, as it is now; undefined where nobody else will take it back. */
function reasonToLeave(system: System, uuid: string): string | undefined {
  const journal = readJournal(system, uuid);
  if (!journal) return "it has just ended";
  const { guest: { name }, daemon, state } = journal;
  if (qemuRuns(system, uuid)) return "it is running";
  const released = system.info(releasedPath(uuid)) !== undefined;
  if (released || state === "undoing" || state === "failed") return undefined; // nobody will call release once more
  // libvirt keeps this file from QEMU's start until it calls release, and resets functions in between
  const known = checkName(name) === undefined && system.info(`/run/libvirt/qemu/${name}.xml`) !== undefined;
  if (known && libvirtRuns(system)) return "libvirt has not released it yet; wait, or `virsh destroy` it";
  // between the end of prepare and QEMU's first breath there is neither a lock nor a QEMU, but a daemon that will go on
  const starting = state === "applying" || state === "applied";
  if (!starting || !daemon || !stillRuns(system, daemon)) return undefined;
  return `libvirt (pid ${daemon.pid}) is starting it; wait for that, or restart libvirt where it hangs`;
}

/**
 * Takes one journal back.
 *
 * @param patienceMs How long another program that is at the guest is waited for; one that is not done then is killed. With
 * 0 it is let go on.
 * @returns Undefined where such a program was let go on.
 */
async function recoverOne(
  system: System,
  { name, uuid }: Journal["guest"],
  patienceMs: number,
): Promise<Recovery | undefined> {
  const log = openLog(system, name);
  let lock: GuestLock | undefined;
  try {
    // always as it is by now: the guest may have been started again since others were recovered, or its lock was waited for
    const early = reasonToLeave(system, uuid);
    if (early) return { guest: name, result: "left", text: early };
    lock = await lockGuest(system, uuid, patienceMs, () => patienceMs > 0 && !reasonToLeave(system, uuid));
    const leave = reasonToLeave(system, uuid);
    if (leave) return { guest: name, result: "left", text: leave };
    if (!lock) return undefined;
    const journal = readJournal(system, uuid)!;
    const reason = whyNeverUp(journal);
    await takeBack(system, uuid, log, { hung: lock.hung, outcome: "recovered", waitMs: UNDO_MS, reason });
    return { guest: name, result: "recovered", text: `${journal.entries.length} steps were taken back` };
  } catch (error) {
    log.error((error as Error).message);
    return { guest: name, result: "failed", text: report(error, name) };
  } finally {
    lock?.release();
  }
}

/** Sets a journal aside that cannot be read, and says so as long as it lies there. */
function giveUp(system: System, uuid: string): Recovery {
  if (qemuRuns(system, uuid)) {
    return { guest: uuid, result: "left", text: "it is running, and its journal cannot be read" };
  }
  try {
    readJournal(system, uuid);
    throw setAside(uuid);
  } catch (error) {
    openLog(system, uuid).error((error as Error).message);
    return { guest: uuid, result: "failed", text: report(error) };
  }
}

/** Removes what killed programs have left: files that they were at writing, and notes about journals that are gone. */
async function sweep(system: System): Promise<void> {
  for (const folder of [JOURNALS, HISTORY]) {
    for (const name of system.list(folder)) {
      const writer = /\.(\d+)$/.exec(name)?.[1];
      if (writer !== undefined && system.info(`/proc/${writer}`) === undefined) system.remove(`${folder}/${name}`);
    }
  }
  for (const uuid of system.list(JOURNALS).flatMap((name) => /^(.+)\.released$/.exec(name)?.[1] ?? [])) {
    if (system.info(journalPath(uuid))) continue;
    const lock = await lockGuest(system, uuid, 0, () => false); // a program that is at the guest removes it itself
    if (lock && !system.info(journalPath(uuid))) system.remove(releasedPath(uuid));
    lock?.release();
  }
}

/**
 * Takes back every hand-over whose guest has no QEMU and which libvirt will not release any more: its daemon is gone, or
 * release was called and did not come to its end. Journals that cannot be read are failures of their own.
 *
 * @param name Only this guest; without it all of them.
 */
export async function recover(system: System, name?: string): Promise<Recovery[]> {
  if (name === undefined) system.remove(INTERRUPTED); // what was left by that one is looked at from here on
  const { journals, unreadable } = readJournals(system);
  const aside = system.list(JOURNALS).flatMap((file) => /^(.*)\.json\.unreadable$/.exec(file)?.[1] ?? []);
  const results: Recovery[] = [];
  const guests = journals.map(({ guest }) => guest);
  const waiting = new Set(guests.filter((guest) => name === undefined || guest.name === name));
  // a guest that another program is at keeps none of the others waiting: it comes last
  for (const patienceMs of [0, PATIENCE_MS]) {
    for (const guest of waiting) {
      const result = await recoverOne(system, guest, patienceMs);
      if (!result) continue;
      results.push(result);
      waiting.delete(guest);
    }
  }
  for (const { name: guest } of waiting) results.push({ guest, result: "left", text: "another program is at it" });
  if (name === undefined) await sweep(system).catch((error) => openLog(system, "-").error(error.message));
  const damaged = new Set([...unreadable, ...aside]);
  return [...results, ...[...damaged].map((uuid) => giveUp(system, uuid))];
}
