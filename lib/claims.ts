/**
 * What guests have between them. Starts and ends of different guests run at the same time, so what one decides from the
 * others' journals is decided under one short lock, which is never held while a step runs.
 *
 * @module
 */

import { AidError } from "./errors.ts";
import { type Entry, type Journal, readJournal, readJournals, saveJournal } from "./journal.ts";
import { type Away, isAway } from "./leave-step.ts";
import type { Step } from "./step.ts";
import { kindOf } from "./steps/mod.ts";
import type { System } from "./system.ts";

/** How long the lock may be in other hands: each holds it for some milliseconds. */
const LOCK_MS = 5_000;

/**
 * Does something while no other guest's program decides.
 *
 * @throws {AidError} If the lock cannot be had; and what `decide` throws.
 */
export async function decided<T>(system: System, decide: () => T): Promise<T> {
  const lock = await system.lock("/run/virt-aid/lock", LOCK_MS);
  if (!lock) throw new AidError("/run/virt-aid/lock has been held by another guest's hook for 5 s", "try again");
  try {
    return decide();
  } finally {
    lock.release();
  }
}

/**
 * Changes a guest's journal that is on disk. Under the lock, as another guest that ends may add an entry to it meanwhile.
 *
 * @param change What is to become of it; undefined leaves it as it is.
 * @returns The journal as it is on disk now, or undefined where `change` gave that.
 * @throws {AidError} If there is no such journal.
 */
export function update(
  system: System,
  uuid: string,
  change: (journal: Journal) => Journal | undefined,
): Promise<Journal | undefined> {
  return decided(system, () => {
    const journal = readJournal(system, uuid);
    if (!journal) throw new AidError(`the journal of guest ${uuid} is gone`, "`virt-aid recover`, then start it again");
    const changed = change(journal);
    if (changed) saveJournal(system, changed);
    return changed;
  });
}

/** Journals of the other guests. */
export function others(system: System, uuid: string): Journal[] {
  return readJournals(system).journals.filter((journal) => journal.guest.uuid !== uuid);
}

/** One line for each journal of another guest that cannot be read: what that guest has is not known. */
export function unknownClaims(system: System, uuid: string): string[] {
  return readJournals(system).unreadable.filter((other) => other !== uuid).map((other) =>
    `the journal of guest ${other} cannot be read, so what it has is not known; \`virt-aid recover\` sets it aside`
  );
}

/** Which function is whose, by the journals of the other guests. */
export function claimsOf(journals: readonly Journal[]): Record<string, string> {
  return Object.fromEntries(journals.flatMap(({ claims, guest }) => claims.map((claim) => [claim, guest.name])));
}

/**
 * Steps by which these guests keep the desktop away from its cards, or have begun to take that back: it would come up in
 * the middle of what another guest does.
 */
export function awayOf(journals: readonly Journal[]): Away[] {
  return journals.flatMap(({ entries }) => entries)
    .filter(({ state }) => state === "intended" || state === "done" || state === "skipped" || state === "undoing")
    .map(({ step }) => step).filter(isAway);
}

/** The same at two times: those that were away when the host was looked at, and those that are by now. */
export function everAway(earlier: readonly Away[], now: readonly Away[]): Away[] {
  const names = new Set(now.map(sharedName));
  return [...earlier.filter((step) => !names.has(sharedName(step))), ...now];
}

/** What a step has in common with steps of other guests; undefined for a step that is the guest's own. */
export function sharedName(step: Step): string | undefined {
  return kindOf(step)?.shared?.(step);
}

/** The guest that is at a shared thing at this moment, taking it or giving it back; undefined where none is. */
export function busyWith(journals: readonly Journal[], shared: string): string | undefined {
  return journals.find(({ entries }) =>
    entries.some(({ step, state }) => sharedName(step) === shared && (state === "intended" || state === "undoing"))
  )?.guest.name;
}

/** Does this guest rely on a shared thing, as its owner or because it found it as it needs it? */
function reliesOn(journal: Journal, shared: string): boolean {
  if (journal.state === "failed" || journal.state === "undoing") return false;
  return journal.entries.some(({ step, state }) =>
    sharedName(step) === shared && (state === "done" || state === "skipped")
  );
}

/**
 * Gives a shared entry to another guest that relies on the same thing, to be undone when that one ends. The receiver's
 * journal is written first: a crash in between leaves the entry in both, and then the last guest still undoes it.
 *
 * Call it inside `decided`.
 *
 * @returns The receiver's name; undefined where nobody else relies on the thing.
 */
export function passOn(system: System, uuid: string, entry: Entry): string | undefined {
  const shared = sharedName(entry.step);
  if (shared === undefined) return undefined;
  const receiver = others(system, uuid).find((journal) => reliesOn(journal, shared));
  if (!receiver) return undefined;
  const has = receiver.entries.some(({ step, state }) => sharedName(step) === shared && state === "done");
  const { step, before } = entry;
  if (!has) saveJournal(system, { ...receiver, entries: [{ step, before, state: "done" }, ...receiver.entries] });
  return receiver.guest.name;
}
