/**
 * What the phases have in common.
 *
 * @module
 */

import { AidError, report } from "../errors.ts";
import { openLog } from "../log.ts";
import type { System } from "../system.ts";

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
