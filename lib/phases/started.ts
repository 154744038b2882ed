/**
 * started-begin: QEMU runs. Notes that in the journal, and looks whether the guest still has what it was given.
 *
 * @module
 */

import { update } from "../claims.ts";
import { parseDomain } from "../domain.ts";
import { MAX_XML } from "../event.ts";
import { readJournal } from "../journal.ts";
import { openLog } from "../log.ts";
import { wrongWith } from "../steps/verify.ts";
import type { System } from "../system.ts";
import { ensureViews } from "../views.ts";
import { guarded } from "./common.ts";

/**
 * Main function of started-begin.
 *
 * @param args As libvirt gives them: GUEST started begin -.
 * @returns 0: a guest that runs is never stopped for what is found here; it stands in the log.
 */
export async function startedBegin(system: System, args: readonly string[]): Promise<number> {
  await guarded(system, args, async (guest) => {
    const { uuid } = parseDomain(new TextDecoder().decode(await system.input(MAX_XML)));
    await ensureViews(system);
    if (!readJournal(system, uuid)) return;
    const journal = (await update(system, uuid, (journal) => ({ ...journal, state: "running" })))!;
    const log = openLog(system, guest);
    for (const { step } of journal.entries) {
      const wrong = step.kind === "verify" ? wrongWith(system, step.address, step.driver) : undefined;
      if (wrong) log.warn(`the guest has started, but ${wrong}`);
    }
    log.info("the guest has started");
  });
  return 0;
}
