import { AidError } from "../errors.ts";
import { inGroups } from "../host/processes.ts";
import { endSession as end } from "../host/systemd.ts";
import type { EndSession, StepKind } from "../step.ts";

/** Part of the time that its programs get to end by themselves; after that they are killed. */
const PATIENCE = 2 / 3;

/** See {@linkcode EndSession}. */
export const endSession: StepKind<EndSession> = {
  describe: (step) => `end session ${step.id} of ${step.user}`,
  look: () => ({ already: false }),
  async apply(system, step, _before, timeoutMs) {
    const gone = () => inGroups(system, `session-${step.id}.scope`).length === 0;
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
