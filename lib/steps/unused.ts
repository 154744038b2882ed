/**
 * The wait for the last program that has a function open.
 *
 * @module
 */

import { AidError } from "../errors.ts";
import { heldBy, holdersOf, letGo } from "../host/holders.ts";
import type { System } from "../system.ts";

/** After so long all processes are looked at again: of some it cannot be seen cheaply that they have let go. */
const LOOK_MS = 3_000;
/** Between two looks at all of them. */
const REST_MS = 100;

/**
 * Waits until nobody has a node of these functions open: a driver waits inside the kernel for its users, and nothing ends
 * that wait (docs/vfio.md F5). Looks at all processes, then at those that were found until these have let go, and again at
 * all.
 *
 * @throws {AidError} If somebody has one open and keeps it so; it names the first.
 */
export async function untilUnused(system: System, addresses: readonly string[], timeoutMs: number): Promise<void> {
  for (const end = system.now() + timeoutMs;;) {
    const holders = await holdersOf(system, addresses);
    if (holders.length === 0) return;
    const left = end - system.now();
    if (left <= 0) throw new AidError(heldBy(holders[0]!), `end ${holders[0]!.name}, then start the guest again`);
    const again = system.now() + REST_MS; // a card that is only mapped looks free to the cheap look
    const gone = (pid: number) => system.info(`/proc/${pid}`) === undefined;
    const free = () => holders.every((holder) => gone(holder.pid) || letGo(system, holder));
    await system.until(() => system.now() >= again && free(), Math.min(LOOK_MS, left));
  }
}
