import { AidError } from "../errors.ts";
import { startOf } from "../host/processes.ts";
import type { EndProcess, StepKind } from "../step.ts";

/** See {@linkcode EndSession} for the same. */
const PATIENCE = 2 / 3;

/** See {@linkcode EndProcess}. */
export const endProcess: StepKind<EndProcess> = {
  describe: (step) => `end ${step.name} (pid ${step.pid})`,
  look: () => ({ already: false }),
  async apply(system, { pid, start, name }, _before, timeoutMs) {
    const gone = () => startOf(system, pid) !== start;
    if (gone()) return;
    await system.run({ program: "/usr/bin/kill", args: ["-TERM", "--", `${pid}`], timeoutMs });
    if (await system.until(gone, timeoutMs * PATIENCE)) return;
    await system.run({ program: "/usr/bin/kill", args: ["-KILL", "--", `${pid}`], timeoutMs });
    if (!await system.until(gone, timeoutMs * (1 - PATIENCE))) {
      throw new AidError(`${name} (pid ${pid}) does not end`, `look at /proc/${pid}/stack`);
    }
  },
  undo: () => {},
};
