import type { StartService, StepKind } from "../step.ts";
import { nameOf, startUnit } from "./stop-service.ts";

/** See {@linkcode StartService}. */
export const startService: StepKind<StartService> = {
  describe: (step) => `start ${nameOf(step)} without the card`,
  look: () => ({ already: false }),
  apply: (system, step, _before, timeoutMs) => startUnit(system, step, timeoutMs),
  undo: () => {}, // it stays: the card is only added to what it has
};
