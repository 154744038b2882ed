/**
 * Recovery: takes back the hand-overs whose guests are gone and for which nobody will call release.
 *
 * @module
 */

import { report } from "./errors.ts";
import { checkName } from "./event.ts";
import { lockGuest } from "./guest-lock.ts";
import { libvirtRuns, parentOf, qemuRuns, startOf } from "./host/processes.ts";
import { type Daemon, type Journal, JOURNALS, readJournal, readJournals, releasedPath, setAside } from "./journal.ts";
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

/** How long a release that is at work may take to finish: a driver that takes longer to come back has a reason to. */
const PATIENCE_MS = 15_000;

/** How long the waits of one journal's undo may take together. */
const UNDO_MS = 60_000;

/** The libvirt daemon above a phase: the parent of the dispatcher, which is its own parent. Pid 1 has only adopted it. */
export function daemonOf(system: System): Daemon | undefined {
  const pid = parentOf(system, system.parent());
  const start = pid === undefined || pid <= 1 ? undefined : startOf(system, pid);
  return pid === undefined || start === undefined ? undefined : { pid, start };
}

/** Why a journal is to be left alone; undefined where nobody else will take it back. */
function reasonToLeave(system: System, { guest: { name, uuid }, daemon, state }: Journal): string | undefined {
  if (qemuRuns(system, uuid)) return "it is running";
  const released = system.info(releasedPath(uuid)) !== undefined;
  if (released || state === "undoing" || state === "failed") return undefined; // nobody will call release once more
  // libvirt keeps this file from QEMU's start until it calls release, and resets functions in between
  const known = checkName(name) === undefined && system.info(`/run/libvirt/qemu/${name}.xml`) !== undefined;
  if (known && libvirtRuns(system)) return "libvirt has not released it yet; wait, or `virsh destroy` it";
  // between the end of prepare and QEMU's first breath there is neither a lock nor a QEMU, but a daemon that will go on
  const starting = state === "applying" || state === "applied";
  if (!starting || !daemon || startOf(system, daemon.pid) !== daemon.start) return undefined;
  return `libvirt (pid ${daemon.pid}) is starting it; wait for that, or restart libvirt where it hangs`;
}

/** Takes one journal back. */
async function recoverOne(system: System, { guest }: Journal): Promise<Recovery> {
  const log = openLog(system, guest.name);
  let lock: Awaited<ReturnType<typeof lockGuest>> | undefined;
  try {
    lock = await lockGuest(system, guest.uuid, PATIENCE_MS);
    // again, now that nobody else is at it
    const journal = readJournal(system, guest.uuid);
    if (!journal) return { guest: guest.name, result: "left", text: "it has just ended" };
    const leave = reasonToLeave(system, journal);
    if (leave) return { guest: guest.name, result: "left", text: leave };
    await takeBack(system, guest.uuid, log, { hung: lock.hung, outcome: "recovered", waitMs: UNDO_MS });
    return { guest: guest.name, result: "recovered", text: `${journal.entries.length} steps were taken back` };
  } catch (error) {
    log.error((error as Error).message);
    return { guest: guest.name, result: "failed", text: report(error, guest.name) };
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

/**
 * Takes back every hand-over whose guest has no QEMU and which libvirt will not release any more: its daemon is gone, or
 * release was called and did not come to its end. Journals that cannot be read are failures of their own.
 *
 * @param name Only this guest; without it all of them.
 */
export async function recover(system: System, name?: string): Promise<Recovery[]> {
  const { journals, unreadable } = readJournals(system);
  const aside = system.list(JOURNALS).flatMap((file) => /^(.*)\.json\.unreadable$/.exec(file)?.[1] ?? []);
  const results: Recovery[] = [];
  for (const journal of journals) {
    if (name !== undefined && journal.guest.name !== name) continue;
    const leave = reasonToLeave(system, journal);
    results.push(
      leave ? { guest: journal.guest.name, result: "left", text: leave } : await recoverOne(system, journal),
    );
  }
  const damaged = new Set([...unreadable, ...aside]);
  return [...results, ...[...damaged].map((uuid) => giveUp(system, uuid))];
}
