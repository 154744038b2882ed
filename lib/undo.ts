/**
 * Takes back what a journal says, for release, rollback and recovery alike.
 *
 * @module
 */

import { decided, passOn, sharedName } from "./claims.ts";
import { AidError } from "./errors.ts";
import { type Outcome, remember } from "./history.ts";
import { type Entry, isOver, type Journal, readJournal, removeJournal, saveJournal } from "./journal.ts";
import type { Log } from "./log.ts";
import { describe, kindOf } from "./steps/mod.ts";
import type { System } from "./system.ts";

/** What each entry gets at least, however late it is. */
const LEAST_MS = 5_000;

/** Writes the journal where that is possible: a full disk keeps nothing from being taken back. */
function note(system: System, journal: Journal): void {
  try {
    saveJournal(system, journal);
  } catch {
    // what is on disk is older and names more than is left: taking that back once more does no harm
  }
}

/** The functions that a step is on. */
function addressesOf(entry: Entry): readonly string[] {
  return kindOf(entry.step)?.addresses?.(entry.step) ?? [];
}

/**
 * Marks what a program hung at that sits in the kernel: the one entry that has begun and not ended. Its function is not
 * touched again; reading its `driver_override` alone would hang too.
 */
function asHung(entry: Entry): Entry {
  return entry.state === "intended" || entry.state === "undoing" ? { ...entry, state: "hung" } : entry;
}

/** Nobody sits in the kernel any more: what was at work there has ended after all, nobody knows how. */
function asFreed(entry: Entry): Entry {
  return entry.state === "hung" ? { ...entry, state: "undoing" } : entry;
}

/** What is still to be said about an entry at the end; undefined where it was taken back. */
function complaint(entry: Entry, hung: ReadonlySet<string>): string | undefined {
  if (isOver(entry)) return undefined;
  const address = addressesOf(entry).find((address) => hung.has(address));
  if (entry.state === "hung") return `${describe(entry.step)} hangs in the kernel`;
  if (address !== undefined) return `${describe(entry.step)} was not taken back: ${address} hangs`;
  return `${describe(entry.step)} was not taken back: ${entry.error}`;
}

/** Takes one entry back, or gives it to a guest that shares it. Gives the entry as it is afterwards. */
async function undoEntry(
  system: System,
  uuid: string,
  { error: _earlier, note: _said, ...entry }: Entry,
  deadline: number,
  save: (entry: Entry) => void,
): Promise<Entry> {
  const kind = kindOf(entry.step);
  const began = system.now();
  try {
    if (!kind) throw new AidError("this version does not know that kind of step", "use the version that took it");
    // under the same lock as the decision: others go by what it says
    const passOrBegin = () => {
      const state = passOn(system, uuid, entry) === undefined ? "undoing" : "passed-on";
      save({ ...entry, state });
      return state;
    };
    const state = sharedName(entry.step) === undefined ? passOrBegin() : await decided(system, passOrBegin);
    if (state === "passed-on") return { ...entry, state };
    const note = await kind.undo(system, entry.step, entry.before, Math.max(deadline - began, LEAST_MS));
    return { ...entry, state: "undone", undoMs: system.now() - began, ...(note ? { note } : {}) };
  } catch (error) {
    return { ...entry, state: "undo-failed", error: (error as Error).message, undoMs: system.now() - began };
  }
}

/** Reads the journal and marks it as one that is being taken back. */
function begin(system: System, uuid: string, { hung, reason }: { hung: boolean; reason?: string }): Journal {
  const found = readJournal(system, uuid);
  if (!found) throw new AidError(`guest ${uuid} has no journal`, "there is nothing to take back");
  const entries = hung ? found.entries.map(asHung) : found.entries.map(asFreed);
  const journal: Journal = { ...found, entries, state: "undoing", reason: reason ?? found.reason };
  note(system, journal);
  return journal;
}

/**
 * Walks a guest's journal backwards and never stops at a failure. Gives each entry that it was at. A journal of which
 * nothing is left goes into the history; otherwise it stays, for `virt-aid recover`.
 *
 * @param uuid The guest, whose lock the caller holds.
 * @param options.hung The program before us sits in the kernel.
 * @param options.outcome What the history is to say.
 * @param options.reason Why the run failed, if it did.
 * @param options.deadline On the clock of `system.now()`: what is left for waits. Everything is tried even after it.
 * @throws {AidError} At the end, if something could not be taken back: all of it, one line each.
 */
export async function* undo(
  system: System,
  uuid: string,
  options: {
    readonly hung: boolean;
    readonly outcome: Outcome;
    readonly deadline: number;
    readonly reason?: string;
  },
): AsyncGenerator<Entry, void> {
  // from here on no other guest passes anything on to this one
  let journal = await decided(system, () => begin(system, uuid, options));
  // what an earlier undo could not take back may since have been set once more on the way: its function is walked through
  // again, and undoing twice does no harm
  const again = new Set(
    journal.entries.filter(({ state }) => state === "undo-failed").flatMap(addressesOf),
  );
  const over = (entry: Entry, addresses: readonly string[]) =>
    isOver(entry) && !(entry.state === "undone" && addresses.some((address) => again.has(address)));
  const hung = new Set(journal.entries.filter(({ state }) => state === "hung").flatMap(addressesOf));
  for (let i = journal.entries.length - 1; i >= 0; i--) {
    const entry = journal.entries[i]!;
    const addresses = addressesOf(entry);
    if (over(entry, addresses) || entry.state === "hung" || addresses.some((address) => hung.has(address))) continue;
    const put = (changed: Entry) => {
      journal = { ...journal, entries: journal.entries.with(i, changed) };
      note(system, journal);
    };
    const undone = await undoEntry(system, uuid, entry, options.deadline, put);
    // written with the next one's begin, as doing it twice does no harm; but others may be waiting for a shared thing
    if (sharedName(entry.step) === undefined) journal = { ...journal, entries: journal.entries.with(i, undone) };
    else put(undone);
    yield undone;
  }
  finish(system, journal, options.outcome, hung);
}

/** Puts the journal away, or what is left of it back. */
function finish(system: System, journal: Journal, outcome: Outcome, hung: ReadonlySet<string>): void {
  // what hangs comes first: it is why the rest of its function is left
  const left = journal.entries.filter((entry) => !isOver(entry))
    .sort((a, b) => Number(b.state === "hung") - Number(a.state === "hung"));
  if (left.length === 0) {
    remember(system, journal, outcome);
    removeJournal(system, journal.guest.uuid);
    return;
  }
  // one whose own unbind was taken back is at home, whatever else of its driver is left
  const home = journal.entries.flatMap((entry) =>
    entry.step.kind === "unbind" && isOver(entry) ? entry.step.address : []
  );
  const held = new Set(left.flatMap((entry) => {
    const addresses = addressesOf(entry);
    return addresses.length > 1 ? addresses.filter((address) => !home.includes(address)) : addresses;
  }));
  note(system, { ...journal, state: "failed", claims: journal.claims.filter((claim) => held.has(claim)) });
  throw new AidError(
    left.flatMap((entry) => complaint(entry, hung) ?? []).join("\n"),
    hung.size > 0
      ? `only a reboot frees ${[...hung].join(" and ")}; everything else was taken back`
      : "`virt-aid recover` tries again; a reboot puts everything back",
  );
}

/**
 * Undoes a guest's journal with a line in the log for each step.
 *
 * @param options.waitMs What its waits may take together.
 * @throws {AidError} At the end, if something could not be taken back.
 */
export async function takeBack(
  system: System,
  uuid: string,
  log: Log,
  options: { readonly hung: boolean; readonly outcome: Outcome; readonly waitMs: number; readonly reason?: string },
): Promise<void> {
  const began = system.now();
  for await (
    const { step, state, error, note, undoMs = 0 } of undo(system, uuid, {
      ...options,
      deadline: began + options.waitMs,
    })
  ) {
    if (note) log.warn(note);
    if (error) log.error(`not taken back: ${describe(step)}: ${error}, ${Math.round(undoMs)} ms`);
    else log.info(`${state === "passed-on" ? "passed on" : "took back"}: ${describe(step)}: ${Math.round(undoMs)} ms`);
  }
  log.info(`everything was taken back in ${Math.round(system.now() - began)} ms`);
}
