import { AidError } from "../errors.ts";
import { stillRuns } from "../host/processes.ts";
import type { EndProcess, StepKind } from "../step.ts";
import { endAll } from "./signals.ts";

/** See {@linkcode EndProcess}. */
export const endProcess: StepKind<EndProcess> = {
  describe: (step) => `end ${step.name} (pid ${step.pid})`,
  look: () => ({ already: false }),
  async apply(system, { pid, start, name }, _before, timeoutMs) {
    const left = () => stillRuns(system, { pid, start }) ? [pid] : [];
    if (!await endAll(system, left, ["TERM"], timeoutMs)) {
      throw new AidError(`${name} (pid ${pid}) does not end`, `look at /proc/${pid}/stack`);
    }
  },
  undo: () => {},
};
