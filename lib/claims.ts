/**
 * What guests have between them. Starts and ends of different guests run at the same time, so what one decides from the
 * others' journals is decided under one short lock, which is never held while a step runs.
 *
 * @module
 */

import { AidError } from "./errors.ts";
import { type Entry, type Journal, readJournal, readJournals, saveJournal } from "./journal.ts";
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
 * Steps of these guests that they have not taken back, or have only begun to: what they keep away, the desktop, the text
 * console, cards, would come back in the middle of what another guest does.
 */
export function awayOf(journals: readonly Journal[]): Step[] {
  return journals.flatMap(({ entries }) => entries)
    .filter(({ state }) => state === "intended" || state === "done" || state === "skipped" || state === "undoing")
    .map(({ step }) => step);
}

/** The same at two times: what was away when the host was looked at, and what is by now. */
export function everAway(earlier: readonly Step[], now: readonly Step[]): Step[] {
  const names = new Set(now.flatMap((step) => sharedName(step) ?? []));
  return [...earlier.filter((step) => !names.has(sharedName(step) ?? "")), ...now];
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

/** Has this guest started the service again, on the cards that it has left? */
function hasStarted({ entries }: Journal, shared: string): boolean {
  const last = entries.findLast(({ step, state }) => state === "done" && sharedName(step) === shared);
  return last?.step.kind === "start-service";
}

/**
 * Does this guest rely on a shared thing, as its owner or because it found it as it needs it? One that is at it does too:
 * whatever comes of that, its own way back has the entry that it is given.
 */
function reliesOn(journal: Journal, shared: string): boolean {
  if (journal.state === "failed" || journal.state === "undoing") return false;
  if (hasStarted(journal, shared)) return false;
  return journal.entries.some(({ step, state }) => {
    if (sharedName(step) !== shared) return false;
    // found away, the console only must not come to a card that is about to leave
    if (step.kind === "unbind-console" && state === "skipped") return journal.state === "applying";
    return state === "intended" || state === "done" || state === "skipped";
  });
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
  // who has started a service again has nothing to give: what that takes back is the entry of the stop
  if (shared === undefined || entry.step.kind === "start-service") return undefined;
  const receiver = others(system, uuid).find((journal) => reliesOn(journal, shared));
  if (!receiver) return undefined;
  const has = receiver.entries.some(({ step, state }) => sharedName(step) === shared && state === "done");
  const { step, what, before } = entry;
  if (!has) saveJournal(system, { ...receiver, entries: [{ step, what, before, state: "done" }, ...receiver.entries] });
  return receiver.guest.name;
}
