import { AidError } from "../errors.ts";
import { driverOf, overrideOf } from "../host/pci.ts";
import type { StepKind, Verify } from "../step.ts";
import type { System } from "../system.ts";

/** What is wrong with a function that a guest is to have or has; undefined where it is as it should be. */
export function wrongWith(system: System, address: string, driver: string): string | undefined {
  const now = driverOf(system, address);
  if (now !== driver) return `${address} is on ${now ?? "no driver"} and not on ${driver}`;
  const override = overrideOf(system, address);
  if (override !== null && override !== driver) return `driver_override of ${address} is ${override} and not ${driver}`;
  return undefined;
}

/** See {@linkcode Verify}. */
export const verify: StepKind<Verify> = {
  describe: (step) => `verify ${step.address} on ${step.driver}`,
  addresses: (step) => [step.address],
  look: () => ({ already: false }),
  apply(system, step) {
    const wrong = wrongWith(system, step.address, step.driver);
    if (wrong) throw new AidError(wrong, "another program took it meanwhile; look at dmesg");
  },
  undo: () => {},
};
