/**
 * The journal: what a guest's start has changed, written before each change. It is the only memory that undo, recovery and
 * other guests' starts go by, so it is replaced whole (temp file, rename) and never edited.
 *
 * @module
 */

import { AidError } from "./errors.ts";
import type { Before, Step } from "./step.ts";
import type { System } from "./system.ts";

/** Journals of the guests that have something of the host's; on tmpfs: after a reboot there is nothing to undo. */
export const JOURNALS = "/run/virt-aid/guests";
/** Where it is noted that a desktop was started again. */
export const RETURNED = `${JOURNALS}/returned`;
/** Where it is noted that a recovery was killed before it had been at all guests. */
export const INTERRUPTED = `${JOURNALS}/interrupted`;
/** After so many milliseconds it says nothing about the desktop any more. */
const RETURNED_MS = 150_000;

/** A desktop that was started again: its first seconds are watched after the hook. */
export interface Returned {
  /** Its service. */
  readonly service: string;
  /** Display functions that it uses. */
  readonly cards: readonly string[];
}

/** Where an entry stands. */
export type EntryState =
  /** Written before the step; whether it happened is not known. */
  | "intended"
  /** Happened, and was read back. */
  | "done"
  /** It was already so; nothing to undo. */
  | "skipped"
  /** Written before the undo; whether it happened is not known. */
  | "undoing"
  /** The undo failed; `error` says why. */
  | "undo-failed"
  /** The step or its undo sits in the kernel; its function is not touched again until a reboot. */
  | "hung"
  /** Taken back. */
  | "undone"
  /** Went into the journal of another guest that shares the thing. */
  | "passed-on";

/** A step in the journal. */
export interface Entry {
  /** The step. */
  readonly step: Step;
  /** The same in words: the dispatcher, which is called for everything, does without the code of all steps. */
  readonly what?: string;
  /** What `look` saw before it. */
  readonly before: Before;
  /** Where it stands. */
  readonly state: EntryState;
  /** How long the step took, in milliseconds. */
  readonly ms?: number;
  /** How long its undo took, in milliseconds. */
  readonly undoMs?: number;
  /** Why its undo failed. */
  readonly error?: string;
  /** What is worth knowing although the step, or its undo, went well. */
  readonly note?: string;
}

/** Is nothing left to do about an entry when its guest has ended? */
export function isOver({ state }: Entry): boolean {
  return state === "skipped" || state === "undone" || state === "passed-on";
}

/** The libvirt daemon that asked for the start: as long as it lives, it will call release. */
export interface Daemon {
  /** Its process id. */
  readonly pid: number;
  /** Its start time, in clock ticks since boot (field 22 of /proc/PID/stat): tells a pid that was used again. */
  readonly start: string;
}

/** A guest's journal. */
export interface Journal {
  /** Format of the file. */
  readonly version: 1;
  /** Whose it is. */
  readonly guest: { readonly name: string; readonly uuid: string };
  /** Who asked for the start; undefined where that could not be read. */
  readonly daemon?: Daemon;
  /** When the run began, ISO 8601. */
  readonly began: string;
  /**
   * `applying`: prepare is at work, or died at it; `applied`: the guest has its devices; `running`: QEMU was seen started;
   * `undoing`: release, rollback or recovery is at work, or died at it; `failed`: something could not be undone.
   */
  readonly state: "applying" | "applied" | "running" | "undoing" | "failed";
  /** What no other guest may have meanwhile: PCI addresses. */
  readonly claims: readonly string[];
  /** The steps in the order in which they were taken. */
  readonly entries: readonly Entry[];
  /** Why the run failed, if it did. */
  readonly reason?: string;
}

/** Path of a guest's journal. */
export function journalPath(uuid: string): string {
  return `${JOURNALS}/${uuid}.json`;
}

/** Where a journal is put that cannot be understood. */
export function asidePath(uuid: string): string {
  return `${journalPath(uuid)}.unreadable`;
}

/**
 * Where it is noted that libvirt has called release, before anything else is tried: from then on nobody but us will take
 * the journal back.
 */
export function releasedPath(uuid: string): string {
  return `${JOURNALS}/${uuid}.released`;
}

/** Puts a journal in place. */
export function saveJournal(system: System, journal: Journal): void {
  system.makeFolder(JOURNALS);
  system.save(journalPath(journal.guest.uuid), JSON.stringify(journal));
}

/** Is it a journal, as far as undo relies on it? */
function isJournal(value: unknown): value is Journal {
  const journal = value as Partial<Journal> | null;
  return typeof journal === "object" && journal !== null && journal.version === 1 &&
    typeof journal.guest?.uuid === "string" && typeof journal.guest.name === "string" &&
    Array.isArray(journal.claims) && Array.isArray(journal.entries) &&
    journal.entries.every((entry: Partial<Entry>) =>
      typeof entry?.step?.kind === "string" && typeof entry.before === "object" && typeof entry.state === "string"
    );
}

/** Removes a guest's journal, and what a program left of it that was killed while it wrote it. */
export function removeJournal(system: System, uuid: string): void {
  system.remove(journalPath(uuid));
  system.remove(releasedPath(uuid));
  const begun = new RegExp(`^${uuid}\\.json\\.\\d+$`);
  for (const name of system.list(JOURNALS).filter((name) => begun.test(name))) system.remove(`${JOURNALS}/${name}`);
}

/** The journal that a text is; undefined where it is none. */
function parseJournal(text: string): Journal | undefined {
  try {
    const value = JSON.parse(text);
    return isJournal(value) ? value : undefined;
  } catch {
    return undefined; // not JSON: as any other text that is no journal
  }
}

/**
 * Reads a guest's journal.
 *
 * @returns The journal, or undefined where the guest has none.
 * @throws {AidError} If the file is there and cannot be understood; it is set aside then, as `UUID.json.unreadable`.
 */
export function readJournal(system: System, uuid: string): Journal | undefined {
  const path = journalPath(uuid);
  const text = system.read(path);
  if (text === undefined) return undefined;
  const journal = parseJournal(text);
  if (journal) return journal;
  system.move(path, asidePath(uuid));
  throw setAside(uuid);
}

/** The error about a journal that was set aside: now, or at any time before. */
export function setAside(uuid: string): AidError {
  return new AidError(
    `the journal of guest ${uuid} cannot be read and was set aside as ${asidePath(uuid)}`,
    "look at `lspci -k` for functions that are still on vfio-pci; a reboot puts all of them back",
  );
}

/** All journals, in byte order of their UUIDs, and the UUIDs of those that cannot be read; those stay where they are. */
export function readJournals(system: System): { journals: Journal[]; unreadable: string[] } {
  const journals: Journal[] = [];
  const unreadable: string[] = [];
  for (const name of system.list(JOURNALS)) {
    if (!name.endsWith(".json")) continue;
    const uuid = name.slice(0, -".json".length);
    const text = system.read(journalPath(uuid));
    const journal = text === undefined ? undefined : parseJournal(text);
    if (journal) journals.push(journal);
    else if (text !== undefined) unreadable.push(uuid);
  }
  return { journals, unreadable };
}

/** Notes that a desktop was started again. */
export function noteReturned(system: System, { service, cards }: Returned): void {
  system.save(RETURNED, JSON.stringify({ service, cards, at: system.date().getTime() }));
}

/**
 * The desktop that was started again a moment ago, and that nobody has watched yet.
 *
 * @param path Where the note lies by now.
 */
export function readReturned(system: System, path = RETURNED): Returned | undefined {
  try {
    const found: Partial<Returned & { readonly at: number }> = JSON.parse(system.read(path) ?? "{}");
    const { service, cards, at = 0 } = found;
    const age = system.date().getTime() - at;
    if (typeof service !== "string" || !Array.isArray(cards) || !(age >= 0 && age < RETURNED_MS)) return undefined;
    return { service, cards };
  } catch {
    return undefined; // it was begun, and not written
  }
}

/**
 * The same, and the note is gone: of several that ask one gets it, and one that is too old, or cannot be read, asks for no
 * watch any more.
 */
export function takeReturned(system: System): Returned | undefined {
  if (system.info(RETURNED) === undefined) return undefined;
  const taken = `${RETURNED}.${system.pid}`;
  try {
    system.move(RETURNED, taken);
  } catch {
    return undefined; // another program was faster
  }
  const returned = readReturned(system, taken);
  system.remove(taken);
  return returned;
}
