/**
 * What tests of the kinds of steps share: one step, looked at, taken and taken back on a simulated host.
 *
 * @module
 */

import type { Before, Step } from "../../lib/step.ts";
import { kindOf } from "../../lib/steps/mod.ts";
import { on } from "../on-host.ts";
import type { SimulatedHost } from "../simulated/host.ts";

/** Time that a step may take. */
const TIMEOUT_MS = 30_000;

/** Looks, and gives what was seen. */
export function look(host: SimulatedHost, step: Step): Promise<Before> {
  return on(host, (system) => kindOf(step)!.look(system, step));
}

/** Looks and takes the step, as `apply` does; gives what was seen before. */
export function take(host: SimulatedHost, step: Step): Promise<Before> {
  return on(host, async (system) => {
    const before = kindOf(step)!.look(system, step);
    if (!before.already) await kindOf(step)!.apply(system, step, before, TIMEOUT_MS);
    return before;
  });
}

/** Takes the step back. */
export function takeBack(host: SimulatedHost, step: Step, before: Before): Promise<string | void> {
  return on(host, (system) => kindOf(step)!.undo(system, step, before, TIMEOUT_MS));
}
