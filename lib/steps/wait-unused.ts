import type { StepKind, WaitUnused } from "../step.ts";
import { untilUnused } from "./unused.ts";

/** See {@linkcode WaitUnused}. */
export const waitUnused: StepKind<WaitUnused> = {
  describe: (step) => `wait until nobody uses ${step.addresses.join(", ")}`,
  look: () => ({ already: false }),
  apply: (system, step, _before, timeoutMs) => untilUnused(system, step.addresses, timeoutMs),
  undo: () => {},
};
