import { AidError } from "../errors.ts";
import { inGroups } from "../host/processes.ts";
import { isStopping, order, showUnits } from "../host/systemd.ts";
import type { StepKind, StopService, UnitUser } from "../step.ts";
import type { System } from "../system.ts";

/** How long a service may take to come up again; one that takes longer goes on without us. */
const START_MS = 5_000;

/** Does the manager run that has the unit? Asking a user's manager that does not would start it. */
function isManaged(system: System, user: UnitUser | undefined): boolean {
  return user === undefined || inGroups(system, `user@${user.uid}.service`).length > 0;
}

/** Processes of a unit. */
function processesOf(system: System, { service, user }: StopService): number[] {
  return inGroups(system, ...(user ? [`user@${user.uid}.service`] : []), service);
}

/** Waits until a unit has no process any more. */
async function untilEmpty(system: System, step: StopService, timeoutMs: number): Promise<boolean> {
  const end = system.now() + timeoutMs;
  for (;;) {
    const left = processesOf(system, step);
    if (left.length === 0) return true;
    const gone = () => left.every((pid) => system.info(`/proc/${pid}`) === undefined);
    if (!await system.until(gone, end - system.now())) return false;
  }
}

/** One phrase for people. */
export function nameOf({ service, user }: { readonly service: string; readonly user?: UnitUser }): string {
  return user ? `${service} of ${user.name}` : service;
}

/**
 * Starts a unit, and waits for it a little.
 *
 * @returns A line for people where it does not run yet.
 * @throws {AidError} If it has failed by then; one that is still starting, or first has to come to its end, is no failure.
 */
export async function startUnit(
  system: System,
  step: { readonly service: string; readonly user?: UnitUser },
  timeoutMs: number,
): Promise<string | undefined> {
  const { service, user } = step;
  if (!isManaged(system, user)) return undefined; // the user is not there any more
  await order(system, "start", service, user?.name);
  const end = system.now() + Math.min(START_MS, timeoutMs);
  for (;;) {
    const [unit] = await showUnits(system, [service], user?.name);
    if (unit?.state === "active") return undefined;
    if (unit?.state === "inactive") {
      throw new AidError(`${nameOf(step)} was started and does not run`, `systemctl status ${service}`);
    }
    const before = inGroups(system, service).length;
    if (system.now() >= end) return `${nameOf(step)} was told to start and is still ${unit?.state}`;
    await system.until(() => inGroups(system, service).length !== before, Math.min(100, end - system.now()), 50);
  }
}

/** Starts a unit that was stopped, unless it runs already or the host goes down. */
async function startAgain(system: System, step: StopService, timeoutMs: number): Promise<string | undefined> {
  const { service, user } = step;
  const [unit] = await showUnits(system, [service], user?.name);
  if (unit?.state === "active" || unit?.state === "starting" || await isStopping(system)) return undefined;
  // its starts are counted, and one too many is refused (docs/vfio.md M3); one that was never loaded has no count
  await order(system, "reset-failed", service, user?.name).catch(() => {});
  return await startUnit(system, step, timeoutMs);
}

/** See {@linkcode StopService}. */
export const stopService: StepKind<StopService> = {
  describe: (step) => `stop ${nameOf(step)}`,
  shared: (step) => `service ${nameOf(step)}`,
  // planned only for one that ran, or that another guest has stopped: whoever stopped it since, it is to come back
  look: () => ({ already: false }),
  async apply(system, step, _before, timeoutMs) {
    if (!isManaged(system, step.user)) return;
    try {
      await order(system, "stop", step.service, step.user?.name);
    } catch (error) {
      // a user's manager may not know it, or be ending itself; what counts is that nothing of it is left
      if (!step.user && (step.back || processesOf(system, step).length > 0)) throw error;
    }
    if (!await untilEmpty(system, step, timeoutMs)) {
      throw new AidError(`${nameOf(step)} does not stop`, `systemctl status ${step.service}`);
    }
  },
  async undo(system, step, _before, timeoutMs) {
    if (!step.back || !isManaged(system, step.user)) return;
    try {
      return await startAgain(system, step, timeoutMs);
    } catch (error) {
      if (!step.user) throw error;
      return (error as Error).message; // his next login starts it
    }
  },
};
