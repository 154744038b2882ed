import { AidError } from "../errors.ts";
import { descendants, pids, startOf, terminalOf } from "../host/processes.ts";
import type { EndLogin, StepKind } from "../step.ts";
import type { System } from "../system.ts";
import { endAll } from "./signals.ts";

/** All that belongs to it: what its first process has started, and what has its terminal though its parent has ended. */
function processesOf(system: System, { tty, pid, start }: EndLogin): number[] {
  const own = startOf(system, pid) === start ? [pid, ...descendants(system, [pid])] : [];
  const others = pids(system).map(Number).filter((other) => terminalOf(system, other) === tty);
  return [...new Set([...own, ...others])];
}

/** See {@linkcode EndLogin}. */
export const endLogin: StepKind<EndLogin> = {
  describe: (step) => `end the login of ${step.user} on ${step.tty}`,
  look: () => ({ already: false }),
  async apply(system, step, _before, timeoutMs) {
    const known = new Map(processesOf(system, step).map((pid) => [pid, startOf(system, pid)]));
    // a prompt that comes in its place is none of it
    const left = () => [...known].flatMap(([pid, start]) => start && startOf(system, pid) === start ? [pid] : []);
    // TERM ends an X server, which a shell does not heed; that ends when its terminal hangs up
    if (!await endAll(system, left, ["TERM", "HUP"], timeoutMs)) {
      throw new AidError(`the login of ${step.user} on ${step.tty} does not end`, `look at: ps --tty ${step.tty}`);
    }
  },
  undo: () => {},
};
