import { AidError } from "../errors.ts";
import { overrideOf, PCI } from "../host/pci.ts";
import type { SetOverride, StepKind } from "../step.ts";
import type { System } from "../system.ts";

/**
 * Writes `driver_override` and reads it back.
 *
 * @param driver The driver's name, or null for none: a line feed, as a write of no bytes does not reach the kernel.
 * @throws {AidError} If it does not say so afterwards.
 */
export function writeOverride(system: System, address: string, driver: string | null): void {
  if (overrideOf(system, address) === driver) return;
  system.write(`${PCI}/${address}/driver_override`, driver ?? "\n");
  const now = overrideOf(system, address);
  if (now !== driver) {
    throw new AidError(`driver_override of ${address} is ${now} after ${driver} was written to it`, "look at dmesg");
  }
}

/** See {@linkcode SetOverride}. */
export const setOverride: StepKind<SetOverride> = {
  describe: (step) => `reserve ${step.address} for ${step.driver}`,
  addresses: (step) => [step.address],
  // never "already so": on its way home the function is reserved for its own driver, and this step's undo ends that
  look: (system, step) => ({ already: false, override: overrideOf(system, step.address) }),
  apply: (system, step) => writeOverride(system, step.address, step.driver),
  undo(system, step, before) {
    if (system.info(`${PCI}/${step.address}`) === undefined) return; // gone from the bus, and its override with it
    writeOverride(system, step.address, before.override as string | null);
  },
};
