/**
 * Watches a desktop that was just started again: one that ends in its first seconds leaves a black screen after a return
 * that went well (docs/vfio.md F28). Not the hook's business, for which libvirt waits.
 *
 * @module
 */

import type { Init } from "./host/inits/init.ts";
import { initOf } from "./host/inits/mod.ts";
import { readJournals, RETURNED, type Returned } from "./journal.ts";
import { openLog } from "./log.ts";
import { startUnit } from "./steps/stop-service.ts";
import type { System } from "./system.ts";

/** How long it is watched, and how long a further start may take. */
const WATCH_MS = 5_000;
const START_MS = 10_000;

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

/**
 * Watches it; one that ends is started once more.
 *
 * @returns Why it does not run in the end; undefined where it does, or is not to.
 */
export async function watchReturned(system: System, returned: Returned): Promise<string | undefined> {
  const { service } = returned;
  system.remove(RETURNED); // nobody else does the same
  const init = initOf(system);
  const log = openLog(system, service);
  for (let starts = 0; init && await falls(system, init, service);) {
    if (!await isWanted(system, init, returned)) return undefined;
    if (starts++ > 0) return `${service} has ended again in its first seconds; ${init.status(service)}`;
    log.warn("it has ended in its first seconds, and is started once more");
    await init.resetFailed?.(system, service).catch(() => {}); // its starts are counted
    await startUnit(system, { service }, START_MS).catch((error: Error) => log.error(error.message));
  }
  return undefined;
}
