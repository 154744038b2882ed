import { AidError, printable } from "../errors.ts";
import { failedStart, lastFailure } from "../history.ts";
import { readJournals, takeReturned } from "../journal.ts";
import { recover as recoverAll } from "../recover.ts";
import { openLog } from "../log.ts";
import { watchReturned } from "../returned.ts";
import { ensureViews } from "../views.ts";
import type { Subcommand } from "./mod.ts";

/** Takes back what guests left behind that are gone. */
export const recover: Subcommand = {
  usage: "recover [GUEST]",
  about: "take back what a guest had that is gone, after a crash of libvirt or a failed release",
  args: [0, 1],
  async run(system, [guest]) {
    await ensureViews(system);
    const results = await recoverAll(system, guest);
    if (results.length === 0) {
      if (guest !== undefined) {
        throw new AidError(`guest ${guest} has nothing to take back`, "`virt-aid recover` takes all");
      }
      system.print("There is nothing to take back.\n");
    }
    for (const { guest, result, text } of results) {
      if (result === "failed") system.complain(text);
      else system.print(`${printable(guest)}: ${result}: ${text}\n`);
    }
    const returned = takeReturned(system);
    if (returned !== undefined) system.print(`${returned.service} was started again: its first seconds are watched\n`);
    const fallen = returned === undefined ? undefined : await watchReturned(system, returned);
    if (fallen !== undefined) {
      openLog(system, "desktop").error(fallen);
      system.complain(`virt-aid: ${fallen}\n`);
    }
    // of what is left too: another guest's start may have come after it
    const failures = [...readJournals(system).journals.map(failedStart), lastFailure(system)];
    for (const failure of new Set(failures)) if (failure !== undefined) system.print(`note: ${failure}\n`);
    return fallen !== undefined || results.some(({ result }) => result === "failed") ? 1 : 0;
  },
};
