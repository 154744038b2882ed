/**
 * What has been: a file for each start that was refused or has ended, with its times per step. It claims nothing.
 *
 * @module
 */

import { printable } from "./errors.ts";
import type { Journal } from "./journal.ts";
import { openLog } from "./log.ts";
import type { System } from "./system.ts";

/** Where it is kept, through reboots. */
export const HISTORY = "/var/lib/virt-aid/history";

/** How many are kept. */
const KEEP = 200;

/** How a run ended. */
export type Outcome = "refused" | "rolled back" | "returned" | "recovered";

/** A run that is over. */
export interface Past extends Omit<Journal, "claims" | "state"> {
  /** When it ended, ISO 8601. */
  readonly ended: string;
  /** How. */
  readonly outcome: Outcome;
}

/**
 * Adds a run. Older ones than the newest 200 go. What cannot be written is only said in the log: a full disk neither keeps a
 * card from coming back nor hides why a start was refused.
 */
export function remember(system: System, journal: Journal, outcome: Outcome): void {
  try {
    write(system, journal, outcome);
  } catch (error) {
    openLog(system, journal.guest.name).warn(`the history could not be written: ${(error as Error).message}`);
  }
}

/** The file, and those that it replaces. */
function write(system: System, journal: Journal, outcome: Outcome): void {
  const { claims: _claims, state: _state, ...rest } = journal;
  const past: Past = { ...rest, ended: system.date().toISOString(), outcome };
  system.makeFolder(HISTORY);
  const name = `${journal.began.replaceAll(":", "-")}-${journal.guest.uuid}.json`;
  system.save(`${HISTORY}/${name}`, JSON.stringify(past));
  const names = system.list(HISTORY).filter((file) => file.endsWith(".json"));
  for (const old of names.slice(0, Math.max(0, names.length - KEEP))) system.remove(`${HISTORY}/${old}`);
}

/** Outcomes of starts that did not come to a running guest. */
const FAILED: readonly Outcome[] = ["refused", "rolled back"];

/**
 * Why the last start failed, one line for people: the desktop that comes back has forgotten what it was told, and so may
 * the person.
 *
 * @param uuid Of this guest; of any without it.
 * @returns Undefined where it went well, or where there was none.
 */
export function lastFailure(system: System, uuid?: string): string | undefined {
  const ending = uuid === undefined ? ".json" : `-${uuid}.json`;
  const newest = system.list(HISTORY).findLast((name) => name.endsWith(ending));
  if (newest === undefined) return undefined;
  try {
    const past = JSON.parse(system.read(`${HISTORY}/${newest}`) ?? "") as Past;
    if (!FAILED.includes(past.outcome)) return undefined;
    return printable(`the last start of ${past.guest.name}, ${past.began}, was ${past.outcome}: ${past.reason ?? "?"}`);
  } catch {
    return undefined; // a file that somebody else has written
  }
}
