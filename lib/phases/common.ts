/**
 * What the phases have in common.
 *
 * @module
 */

import { AidError, report } from "../errors.ts";
import type { Outcome } from "../history.ts";
import { type Log, openLog } from "../log.ts";
import { describe } from "../steps/mod.ts";
import type { System } from "../system.ts";
import { undo } from "../undo.ts";

/**
 * Runs a phase: checks how it was called, and turns what it throws into a message for libvirt, a line in the log and
 * status 1.
 */
export async function guarded(
  system: System,
  args: readonly string[],
  phase: (guest: string) => Promise<void>,
): Promise<number> {
  const [guest] = args;
  if (args.length !== 4 || guest === undefined) {
    const usage =
      `usage: ${system.program} GUEST OPERATION SUB-OPERATION EXTRA, with the guest's XML on standard input`;
    system.complain(report(new AidError(usage, "libvirt's hook calls it; `virt-aid help` lists what a person can do")));
    return 1;
  }
  try {
    await phase(guest);
    return 0;
  } catch (error) {
    system.complain(report(error, guest));
    const log = openLog(system, guest);
    for (const line of (error instanceof Error ? error.message : String(error)).split("\n")) log.error(line);
    return 1;
  }
}

/**
 * Takes back what a guest's journal says, with a line in the log for each step.
 *
 * @throws {AidError} At the end, if something could not be taken back.
 */
export async function takeBack(
  system: System,
  uuid: string,
  log: Log,
  options: { readonly hung: boolean; readonly outcome: Outcome; readonly waitMs: number; readonly reason?: string },
): Promise<void> {
  const began = system.now();
  for await (const entry of undo(system, uuid, { ...options, deadline: began + options.waitMs })) {
    log.info(`took back: ${describe(entry.step)}: ${entry.error ?? entry.state}, ${Math.round(entry.undoMs ?? 0)} ms`);
  }
  log.info(`everything was taken back in ${Math.round(system.now() - began)} ms`);
}
