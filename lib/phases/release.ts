/**
 * release-end: takes back what the journal says. What the XML says by now does not matter: functions may have been plugged
 * or unplugged since.
 *
 * @module
 */

import { decided } from "../claims.ts";
import { parseDomain } from "../domain.ts";
import { MAX_XML } from "../event.ts";
import { lockGuest } from "../guest-lock.ts";
import { readJournal, readJournals } from "../journal.ts";
import { openLog, rotateLog } from "../log.ts";
import type { System } from "../system.ts";
import { takeBack } from "../undo.ts";
import { ensureViews } from "../views.ts";
import { guarded } from "./common.ts";

/** Waits while steps are taken back; the dispatcher gives the whole program 60 s. */
const UNDO_MS = 45_000;

/** The guest's UUID, by its XML; where that cannot be read, by the journals that have its name. */
async function uuidsOf(system: System, guest: string): Promise<string[]> {
  try {
    return [parseDomain(new TextDecoder().decode(await system.input(MAX_XML))).uuid];
  } catch {
    return readJournals(system).journals.filter((journal) => journal.guest.name === guest)
      .map((journal) => journal.guest.uuid);
  }
}

/**
 * Main function of release-end.
 *
 * @param args As libvirt gives them: GUEST release end REASON.
 * @returns The exit status: 0 when nothing is left of the hand-over.
 */
export function releaseEnd(system: System, args: readonly string[]): Promise<number> {
  return guarded(system, args, async (guest) => {
    await ensureViews(system);
    const log = openLog(system, guest);
    for (const uuid of await uuidsOf(system, guest)) {
      const lock = await lockGuest(system, uuid);
      try {
        if (!readJournal(system, uuid)) continue; // it was refused, has no devices, or was recovered meanwhile
        await takeBack(system, uuid, log, { hung: lock.hung, outcome: "returned", waitMs: UNDO_MS });
      } finally {
        lock.release();
      }
    }
    await decided(system, () => rotateLog(system));
  });
}
