import { hintOf } from "../errors.ts";
import { readJournals } from "../journal.ts";
import type { StartService, StepKind } from "../step.ts";
import type { System } from "../system.ts";
import { nameOf, startUnit } from "./stop-service.ts";

/** Name of a guest that has the service stopped; the last that one of us does is to start it again. */
function keptAwayBy(system: System, service: string): string | undefined {
  return readJournals(system).journals.find(({ entries }) =>
    entries.findLast(({ step, state }) =>
      (step.kind === "stop-service" || step.kind === "start-service") && nameOf(step) === service &&
      (state === "intended" || state === "done")
    )?.step.kind === "stop-service"
  )?.guest.name;
}

/** See {@linkcode StartService}. */
export const startService: StepKind<StartService> = {
  describe: (step) => `start ${nameOf(step)} without the card`,
  // the same as its stop: no other guest begins to stop it meanwhile
  shared: (step) => `service ${nameOf(step)}`,
  look: () => ({ already: false }),
  async apply(system, step, _before, timeoutMs) {
    const other = keptAwayBy(system, nameOf(step));
    if (other !== undefined) return `${nameOf(step)} stays away: guest ${other} has a card that it would open`;
    try {
      return await startUnit(system, step, timeoutMs);
    } catch (error) {
      // the guest can do without it, and it is tried again when that has ended
      return [(error as Error).message, hintOf(error)].filter(Boolean).join("; ");
    }
  },
  undo: () => {}, // it stays: the card is only added to what it has
};
