import { AidError } from "../errors.ts";
import { driverNodes } from "../host/holders.ts";
import { attribute, driverOf } from "../host/pci.ts";
import type { StepKind, Unbind } from "../step.ts";
import type { System } from "../system.ts";
import { goHome } from "./go-home.ts";
import { leaveDriver } from "./leave-driver.ts";
import { untilUnused } from "./unused.ts";

/** How long a program that has just opened the function, such as a poller of its temperature, may take to close it. */
const POLLER_MS = 3_000;

/**
 * Can anybody have it open? Not where its driver has made no device nodes, and not where nothing refers to the driver's
 * module: an open node always does (docs/vfio.md 4.5). Both are a hundred times cheaper than a look at all processes.
 */
function canBeOpen(system: System, { address, module }: Unbind): boolean {
  if (driverNodes(system, address).length === 0) return false;
  return module === undefined || system.read(`/sys/module/${module}/refcnt`)?.trim() !== "0";
}

/** References to the driver's module. Some drivers have some of their own (docs/vfio.md M7): what counts is that they grow. */
function references(system: System, { module }: Unbind): number {
  return module === undefined ? 0 : Number(system.read(`/sys/module/${module}/refcnt`) ?? 0);
}

/** Waits until nobody has it open, and nobody has opened it while all processes were looked at. */
async function untilFree(system: System, step: Unbind, timeoutMs: number): Promise<void> {
  for (const end = system.now() + timeoutMs; canBeOpen(system, step);) {
    const before = references(system, step);
    await untilUnused(system, [step.address], end - system.now());
    if (references(system, step) <= before) return;
    if (system.now() >= end) throw new AidError(`${step.address} is opened again and again`, "look for who polls it");
  }
}

/** See {@linkcode Unbind}. */
export const unbind: StepKind<Unbind> = {
  describe: (step) => `unbind ${step.address} from ${step.driver}`,
  addresses: (step) => [step.address],
  // planned only for a function that was on a driver of the host: whoever took it off meanwhile, it is to go back
  look: () => ({ already: false }),
  async apply(system, step, _before, timeoutMs) {
    // once more, now that nothing but vfio can take the function
    await untilFree(system, step, Math.min(POLLER_MS, timeoutMs));
    const now = driverOf(system, step.address);
    // free since its module was unloaded, somebody had a driver looked for: it went to where it is reserved for
    if (now !== undefined && now === attribute(system, step.address, "driver_override")) return;
    // Somebody else was faster between the plan and this step: what is there now was never checked.
    if (now !== undefined && now !== step.driver) {
      throw new AidError(`${step.address} went from ${step.driver} to ${now} by itself`, "start it again");
    }
    leaveDriver(system, step.address);
  },
  undo: (system, step, _before, timeoutMs) => goHome(system, step, timeoutMs),
};
