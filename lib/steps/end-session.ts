import { AidError } from "../errors.ts";
import { endSession as end } from "../host/logind.ts";
import { inSession } from "../host/owners.ts";
import type { EndSession, StepKind } from "../step.ts";
import { PATIENCE } from "./signals.ts";

/** See {@linkcode EndSession}. */
export const endSession: StepKind<EndSession> = {
  describe: (step) => `end session ${step.id} of ${step.user}`,
  look: () => ({ already: false }),
  async apply(system, step, _before, timeoutMs) {
    const gone = () => inSession(system, step.id).length === 0;
    if (gone()) return; // with its display manager
    await end(system, step.id, "TERM");
    if (await system.until(gone, timeoutMs * PATIENCE, 50)) return;
    await end(system, step.id, "KILL");
    if (!await system.until(gone, timeoutMs * (1 - PATIENCE), 50)) {
      throw new AidError(`session ${step.id} of ${step.user} does not end`, `loginctl session-status ${step.id}`);
    }
  },
  undo: () => {},
};
