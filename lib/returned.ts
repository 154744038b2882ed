/**
 * Watches a desktop that was just started again: one that ends in its first seconds leaves a black screen after a return
 * that went well (docs/vfio.md F28). Not the hook's business, for which libvirt waits.
 *
 * @module
 */

import { AidError } from "./errors.ts";
import type { Init } from "./host/inits/init.ts";
import { initOf } from "./host/inits/mod.ts";
import { JOURNALS, readJournals, type Returned } from "./journal.ts";
import { type Log, openLog } from "./log.ts";
import { startUnit, stopService } from "./steps/stop-service.ts";
import type { System } from "./system.ts";

/** How long it is watched, and how long a further start may take. */
const WATCH_MS = 5_000;
const START_MS = 10_000;
/** How long it may take to be down again, where it is not wanted any more. */
const STOP_MS = 10_000;

/** Held from the look whether a desktop is wanted until it is up, or down again as it was not wanted any more. */
const STARTING = `${JOURNALS}/returned.lock`;
/** How long that may take: what asks the init system for it is bounded, too. */
const STARTING_MS = 25_000;

/** Does a service end while it is watched, or is it not up at the end? */
async function falls(system: System, init: Init, service: string): Promise<boolean> {
  const end = system.now() + WATCH_MS;
  for (;;) {
    const [unit] = await init.show(system, [service]);
    if (unit?.state === "inactive") return true;
    const left = end - system.now();
    if (left <= 0) return unit?.state !== "active";
    const its = await init.processes(system, service);
    await system.until(() => its.some((pid) => system.info(`/proc/${pid}`) === undefined), left, 100);
  }
}

/** Is it to be up: has no guest taken a card of its again, and does the host not go down? */
async function isWanted(system: System, init: Init, { cards }: Returned): Promise<boolean> {
  const taken = readJournals(system).journals.flatMap(({ claims }) => claims);
  return !cards.some((card) => taken.includes(card)) && !await init.isStopping(system);
}

/** Starts it once more, unless it is not to be up. */
async function startOnce(system: System, init: Init, returned: Returned, log: Log): Promise<void> {
  const { service } = returned;
  const lock = await system.lock(STARTING, STARTING_MS);
  try {
    if (!lock || !await isWanted(system, init, returned)) return;
    log.warn("it has ended in its first seconds, and is started once more");
    await init.resetFailed?.(system, service).catch(() => {}); // its starts are counted
    await startUnit(system, { service }, START_MS).catch((error: Error) => log.error(error.message));
    if (await isWanted(system, init, returned)) return;
    // a guest that has taken its cards found it down, so it has no stop of its own for it
    log.warn("it is not wanted any more, and is stopped again");
    const stop = { kind: "stop-service", service, back: false, limitMs: STOP_MS } as const;
    await stopService.apply(system, stop, { already: false }, STOP_MS);
  } catch (error) {
    log.error((error as Error).message);
  } finally {
    lock?.release();
  }
}

/**
 * Waits until nobody starts a desktop here. A guest's start calls it when its claims are in place, and before its first
 * step: who starts a desktop looks for claims once more before it lets go, and then it is down, as the start has found it.
 *
 * @throws {AidError} If that takes too long.
 */
export async function untilNoneStarts(system: System): Promise<void> {
  if (system.info(STARTING) === undefined) return;
  const lock = await system.lock(STARTING, STARTING_MS);
  if (!lock) throw new AidError("a desktop is being started, and does not come up", "try again when it is there");
  lock.release();
}

/**
 * Watches it; one that ends is started once more.
 *
 * @returns Why it does not run in the end; undefined where it does, or is not to.
 */
export async function watchReturned(system: System, returned: Returned): Promise<string | undefined> {
  const { service } = returned;
  const init = initOf(system);
  const log = openLog(system, service);
  for (let starts = 0; init && await falls(system, init, service); starts++) {
    if (!await isWanted(system, init, returned)) return undefined;
    if (starts > 0) return `${service} has ended again in its first seconds; ${init.status(service)}`;
    await startOnce(system, init, returned, log);
  }
  return undefined;
}
