/**
 * Does what was planned, one step after the other, each written into the journal before it is taken.
 *
 * @module
 */

import { busyWith, others, sharedName, update } from "./claims.ts";
import { AidError } from "./errors.ts";
import type { Entry, Journal } from "./journal.ts";
import type { Step } from "./step.ts";
import { describe, kindOf } from "./steps/mod.ts";
import type { System } from "./system.ts";

/** A journal whose last entry is over. The entry before it is another guest's, where one was passed on meanwhile. */
function finished(journal: Journal, last: Entry | undefined): Journal {
  return last ? { ...journal, entries: [...journal.entries.slice(0, -1), last] } : journal;
}

/**
 * Looks at what a step would change and writes its intention down, as the last entry of the journal. A step on something
 * that guests share waits while another guest is at it.
 */
async function intend(
  system: System,
  uuid: string,
  step: Step,
  last: Entry | undefined,
  deadline: number,
): Promise<Entry> {
  const shared = sharedName(step);
  const busy = () => shared === undefined ? undefined : busyWith(others(system, uuid), shared);
  for (;;) {
    const journal = await update(system, uuid, (journal) => {
      if (busy() !== undefined) return undefined;
      const before = kindOf(step)!.look(system, step);
      const state = before.already ? "skipped" : "intended";
      const { entries } = finished(journal, last);
      return { ...journal, entries: [...entries, { step, what: describe(step), before, state }] };
    });
    if (journal) return journal.entries.at(-1)!;
    if (await system.until(() => busy() === undefined, deadline - system.now())) continue;
    throw new AidError(`guest ${busy()} is still at it: ${describe(step)}`, "`virt-aid recover`, then start it again");
  }
}

/** Takes one step; gives what is worth knowing of it. What the kernel answers does not say to what: that is added. */
async function take(system: System, step: Step, { before }: Entry, timeoutMs: number): Promise<string | void> {
  try {
    return await kindOf(step)!.apply(system, step, before, timeoutMs);
  } catch (error) {
    if (error instanceof AidError) throw error;
    throw new AidError(`${describe(step)}: ${(error as Error).message}`, "look at dmesg");
  }
}

/**
 * Applies steps to the machine and to the guest's journal on disk. Gives each entry when its step is over; when it throws,
 * the journal says how far it came, and undo goes by that.
 *
 * @param uuid The guest, whose journal is in place.
 * @param deadline On the clock of `system.now()`; no step begins after it.
 * @throws {AidError} If a step fails or time is up.
 */
export async function* apply(
  system: System,
  uuid: string,
  steps: readonly Step[],
  deadline: number,
): AsyncGenerator<Entry, void> {
  let last: Entry | undefined; // over, but the journal does not say so yet
  for (const step of steps) {
    const left = deadline - system.now();
    if (left <= 0) throw new AidError(`there was no time left to ${describe(step)}`, "start it again");
    // the end of a step is written with the next one's intention: until then the journal says that it may have happened
    let entry = await intend(system, uuid, step, last, deadline);
    last = undefined;
    if (entry.state === "intended") {
      const began = system.now();
      const limit = "limitMs" in step ? step.limitMs : Infinity;
      const note = await take(system, step, entry, Math.min(limit, deadline - began));
      const over = entry = { ...entry, state: "done", ms: system.now() - began, ...(note ? { note } : {}) };
      // but others may be waiting for a shared thing
      if (sharedName(step) === undefined) last = over;
      else await update(system, uuid, (journal) => finished(journal, over));
    }
    yield entry;
  }
  await update(system, uuid, (journal) => ({ ...finished(journal, last), state: "applied" }));
}
