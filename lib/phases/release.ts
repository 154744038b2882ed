/**
 * release-end: takes back what the journal says. What the XML says by now does not matter: functions may have been plugged
 * or unplugged since.
 *
 * @module
 */

import { decided } from "../claims.ts";
import { parseDomain } from "../domain.ts";
import { AidError } from "../errors.ts";
import { MAX_XML, ORPHANED } from "../event.ts";
import { lockGuest, PATIENCE_MS } from "../guest-lock.ts";
import { remember, whyNeverUp } from "../history.ts";
import { qemuRuns, stillRuns } from "../host/processes.ts";
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

/** Is the guest another libvirt daemon's by now: is that one at its start, or does it run? */
function isAnothers(system: System, uuid: string): boolean {
  const daemon = readJournal(system, uuid)?.daemon;
  return qemuRuns(system, uuid) || daemon !== undefined && stillRuns(system, daemon);
}

const anothers = () => new AidError("another libvirt daemon has it by now", "nothing of that one is taken back");

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
    const orphaned = args[3] === ORPHANED;
    const mayGo = (uuid: string) => !orphaned || !isAnothers(system, uuid);
    for (const { uuid, devices } of await released(system, guest)) {
      if (!orphaned) note(system, uuid);
      await ensureViews(system);
      if (!devices && !system.info(journalPath(uuid)) && !system.info(asidePath(uuid))) continue;
      // another daemon's program, which may be there in place of ours, is let come to its end
      const lock = await lockGuest(system, uuid, orphaned ? ALL_MS : PATIENCE_MS, () => mayGo(uuid));
      if (!lock) throw anothers();
      try {
        if (!mayGo(uuid)) throw anothers();
        const journal = readJournal(system, uuid);
        if (journal) {
          const reason = orphaned ? "libvirt went away while it was prepared" : whyNeverUp(journal, args[3]);
          if (reason !== undefined) {
            log.warn(reason);
            // already now: what hangs leaves us no later, and a reboot leaves nothing of the journal
            remember(system, { ...journal, reason }, "failed");
          }
          const waitMs = end - system.now();
          await takeBack(system, uuid, log, { hung: lock.hung, outcome: "returned", waitMs, reason });
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
