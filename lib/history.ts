/**
 * What has been: a file for each start that was refused or has ended, with its times per step. It claims nothing.
 *
 * @module
 */

import { printable } from "./errors.ts";
import type { Journal } from "./journal.ts";
import { openLog } from "./log.ts";
import { describe } from "./steps/mod.ts";
import type { System } from "./system.ts";

/** Where it is kept, through reboots. */
export const HISTORY = "/var/lib/virt-aid/history";

/** How many are kept. */
const KEEP = 200;

/**
 * How a run ended. `failed`: the start did, and what it had done is being taken back; another outcome replaces that as soon
 * as everything was.
 */
export type Outcome = "refused" | "rolled back" | "returned" | "recovered" | "failed";

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

/**
 * Why a start did not come to a running guest, by how far its journal came; undefined where it did.
 *
 * @param ended Why the guest has ended, in libvirt's word; `-` where that is not known (docs/libvirt.md 1).
 */
export function whyNeverUp({ guest, state, entries, reason }: Journal, ended = "-"): string | undefined {
  if (reason !== undefined) return reason;
  if (state === "applying") {
    const at = entries.findLast((entry) => entry.state === "intended");
    return `prepare did not come to its end${at === undefined ? "" : `; it was at: ${describe(at.step)}`}`;
  }
  const where = `/var/log/libvirt/qemu/${guest.name}.log may say why`;
  if (ended === "failed") return `the guest did not come up; ${where}`;
  // one that libvirt says has run did run: on a busy host started-begin may not come to note it within its time
  return ended === "-" && state === "applied" ? `nothing says that the guest came up; ${where}` : undefined;
}

/** That a start has failed, and why, one line for people; undefined where it has not. */
export function failedStart(
  { guest, began, reason, outcome }: Pick<Journal, "guest" | "began" | "reason"> & { readonly outcome?: Outcome },
): string | undefined {
  if (reason === undefined) return undefined;
  const how = outcome === "refused" || outcome === "rolled back" ? `was ${outcome}` : "failed";
  return printable(`the last start of ${guest.name}, ${began}, ${how}: ${reason}`);
}

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
    return failedStart(JSON.parse(system.read(`${HISTORY}/${newest}`) ?? ""));
  } catch {
    return undefined; // a file that somebody else has written
  }
}
