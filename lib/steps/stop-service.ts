import { AidError } from "../errors.ts";
import type { Init, UnitUser } from "../host/inits/init.ts";
import { initOf } from "../host/inits/mod.ts";
import { inGroups, pids } from "../host/processes.ts";
import { noteReturned } from "../journal.ts";
import type { StepKind, StopService } from "../step.ts";
import type { System } from "../system.ts";

/** A service, and whose it is. */
type Service = Pick<StopService, "service" | "user">;

/** How long a service may take to come up again; one that takes longer goes on without us. */
const START_MS = 5_000;
/** How often processes are looked at meanwhile. */
const POLL_MS = 50;

/** Does the manager run that has the unit? Asking a user's manager that does not would start it. */
function isManaged(system: System, user: UnitUser | undefined): boolean {
  return user === undefined || inGroups(system, `user@${user.uid}.service`).length > 0;
}

/** The init system that has stopped it, or is to. */
function initFor(system: System, step: Service): Init {
  const init = initOf(system);
  if (!init) throw new AidError(`nobody knows how to start and stop ${nameOf(step)} on this host`);
  return init;
}

/** Waits until a service has no process any more that a stop of it waits for. */
async function untilDown(system: System, init: Init, { service, user }: Service, timeoutMs: number): Promise<boolean> {
  const end = system.now() + timeoutMs;
  for (;;) {
    const left = await (init.left?.(system, service) ?? init.processes(system, service, user));
    if (left.length === 0) return true;
    const gone = () => left.every((pid) => system.info(`/proc/${pid}`) === undefined);
    if (!await system.until(gone, end - system.now())) return false;
  }
}

/** One phrase for people. */
export function nameOf({ service, user }: Service): string {
  return user ? `${service} of ${user.name}` : service;
}

/**
 * Starts a unit, and waits for it a little.
 *
 * @returns A line for people where it does not run yet.
 * @throws {AidError} If it has failed by then; one that is still starting, or first has to come to its end, is no failure.
 */
export async function startUnit(system: System, step: Service, timeoutMs: number): Promise<string | undefined> {
  const { service, user } = step;
  if (!isManaged(system, user)) return undefined; // the user is not there any more
  const init = initFor(system, step);
  const end = system.now() + Math.min(START_MS, timeoutMs);
  await init.order(system, "start", service, end - system.now(), user);
  for (;;) {
    const [unit] = await init.show(system, [service], user);
    if (unit?.state === "active") return undefined;
    if (unit?.state === "inactive") {
      throw new AidError(`${nameOf(step)} was started and does not run`, init.status(service));
    }
    if (system.now() >= end) return `${nameOf(step)} was told to start and is still ${unit?.state}`;
    // until processes have come or gone, of which one may be its
    const before = pids(system).join();
    await system.until(() => pids(system).join() !== before, Math.min(100, end - system.now()), POLL_MS);
  }
}

/** Starts a unit that was stopped, unless it runs already or the host goes down. */
async function startAgain(system: System, step: StopService, timeoutMs: number): Promise<string | undefined> {
  const { service, user } = step;
  const init = initFor(system, step);
  const [unit] = await init.show(system, [service], user);
  if (unit?.state === "active" || unit?.state === "starting" || await init.isStopping(system)) return undefined;
  // its starts are counted, and one too many is refused (docs/vfio.md M3); one that was never loaded has no count
  await init.resetFailed?.(system, service, user).catch(() => {});
  return await startUnit(system, step, timeoutMs);
}

/** See {@linkcode StopService}. */
export const stopService: StepKind<StopService> = {
  describe: (step) => `stop ${nameOf(step)}`,
  shared: (step) => `service ${nameOf(step)}`,
  // planned only for one that ran, or that another guest has stopped: whoever stopped it since, it is to come back
  look: () => ({ already: false }),
  async apply(system, step, _before, timeoutMs) {
    const { service, user } = step;
    if (!isManaged(system, user)) return;
    const init = initFor(system, step);
    const end = system.now() + timeoutMs;
    try {
      await init.order(system, "stop", service, timeoutMs, user);
    } catch (error) {
      // a user's manager may not know it, or be ending itself; what counts is that nothing of it is left
      if (!user && (step.back || (await init.processes(system, service)).length > 0)) throw error;
    }
    if (!await untilDown(system, init, step, end - system.now())) {
      throw new AidError(`${nameOf(step)} does not stop`, init.status(service));
    }
  },
  async undo(system, step, _before, timeoutMs) {
    if (!step.back || !isManaged(system, step.user)) return;
    try {
      const note = await startAgain(system, step, timeoutMs);
      if (step.cards) noteReturned(system, { service: step.service, cards: step.cards });
      return note;
    } catch (error) {
      if (!step.user) throw error;
      return (error as Error).message; // his next login starts it
    }
  },
};
