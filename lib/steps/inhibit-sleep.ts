import { initOf } from "../host/inits/mod.ts";
import { parentOf, withArguments } from "../host/processes.ts";
import type { InhibitSleep, StepKind } from "../step.ts";
import type { System } from "../system.ts";

/** The one of systemd, and elogind's, by which init system has which. */
const programOf = (system: System) =>
  initOf(system)?.name === "systemd" ? "/usr/bin/systemd-inhibit" : "/usr/bin/elogind-inhibit";
/** What it runs meanwhile. */
const WHILE = ["/usr/bin/sleep", "infinity"];
/** How long the program may take to be there. */
const START_MS = 2_000;

/** Arguments by which it is found again: its process id is known only after it was started. */
const argumentsOf = ({ why }: InhibitSleep) => ["--what=sleep:idle", "--mode=block", "--who=virt-aid", `--why=${why}`];

/** See {@linkcode InhibitSleep}. */
export const inhibitSleep: StepKind<InhibitSleep> = {
  describe: () => "keep the host awake",
  look: () => ({ already: false }),
  async apply(system, step, _before, timeoutMs) {
    const args = argumentsOf(step);
    const program = programOf(system);
    try {
      system.start(program, [...args, "--", ...WHILE]);
      // it starts what it is to run when it has the lock
      const works = () => {
        const [pid] = withArguments(system, ...args);
        return withArguments(system, ...WHILE).some((child) => parentOf(system, child) === pid);
      };
      if (await system.until(works, Math.min(START_MS, timeoutMs), 50)) return;
    } catch {
      // it is not there
    }
    return `nothing keeps the host from going to sleep while the guest runs: ${program} does not work`;
  },
  async undo(system, step) {
    for (const pid of withArguments(system, ...argumentsOf(step))) await system.kill(pid);
  },
};
