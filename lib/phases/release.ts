/**
 * release-end: takes back what the journal says. What the XML says by now does not matter: functions may have been plugged
 * or unplugged since.
 *
 * @module
 */

import { decided } from "../claims.ts";
import { parseDomain } from "../domain.ts";
import { MAX_XML } from "../event.ts";
import { lockGuest, PATIENCE_MS } from "../guest-lock.ts";
import { asidePath, journalPath, readJournal, readJournals, releasedPath, setAside } from "../journal.ts";
import { openLog, rotateLog } from "../log.ts";
import type { System } from "../system.ts";
import { takeBack } from "../undo.ts";
import { ensureViews } from "../views.ts";
import { guarded } from "./common.ts";

/** Of the dispatcher's 60 s, counted from our begin. */
const ALL_MS = 50_000;

/** A guest that libvirt has released. */
interface Released {
  readonly uuid: string;
  /** It may have a journal soon, though it has none yet: its prepare was not waited for to its end. */
  readonly devices: boolean;
}

/** The guest, by its XML; where that cannot be read, by the journals that have its name. */
async function released(system: System, guest: string): Promise<Released[]> {
  try {
    const { uuid, pci } = parseDomain(new TextDecoder().decode(await system.input(MAX_XML)));
    return [{ uuid, devices: pci.length > 0 }];
  } catch {
    return readJournals(system).journals.filter((journal) => journal.guest.name === guest)
      .map((journal) => ({ uuid: journal.guest.uuid, devices: true }));
  }
}

/** Notes that release was called, so that recovery goes on where we do not come to our end. */
function note(system: System, uuid: string): void {
  try {
    if (!system.info(journalPath(uuid))) return;
    system.save(releasedPath(uuid), "");
    // a recovery that came to its end meanwhile has removed the journal, and then such a note, before ours was there
    if (!system.info(journalPath(uuid))) system.remove(releasedPath(uuid));
  } catch {
    // a full disk: then recovery waits for libvirt's next start
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
    const end = system.now() + ALL_MS;
    const log = openLog(system, guest);
    for (const { uuid, devices } of await released(system, guest)) {
      note(system, uuid);
      await ensureViews(system);
      if (!devices && !system.info(journalPath(uuid)) && !system.info(asidePath(uuid))) continue;
      const lock = await lockGuest(system, uuid, PATIENCE_MS);
      try {
        if (readJournal(system, uuid)) {
          const waitMs = end - system.now();
          await takeBack(system, uuid, log, { hung: lock.hung, outcome: "returned", waitMs });
        } else if (system.info(asidePath(uuid))) {
          throw setAside(uuid);
        } // else it was refused, or was recovered meanwhile
      } finally {
        lock.release();
      }
    }
    await decided(system, () => rotateLog(system));
  });
}
