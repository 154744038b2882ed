import { AidError } from "../errors.ts";
import { attribute, PCI } from "../host/pci.ts";
import type { SetPower, StepKind } from "../step.ts";
import type { System } from "../system.ts";

/** Writes the setting and reads it back. */
function set(system: System, step: SetPower, value: string): void {
  system.write(`${PCI}/${step.address}/${step.attribute}`, value);
  const now = attribute(system, step.address, step.attribute);
  if (now === value) return;
  throw new AidError(
    `${step.attribute} of ${step.address} is ${now} after ${value} was written to it`,
    "look at dmesg",
  );
}

/** See {@linkcode SetPower}. */
export const setPower: StepKind<SetPower> = {
  describe: (step) => `set ${step.attribute} of ${step.address} to ${step.value}`,
  addresses: (step) => [step.address],
  look(system, step) {
    const value = attribute(system, step.address, step.attribute) ?? null;
    // a value that is already right is set and restored all the same: drivers change it when they come and go
    return { already: value === null, value };
  },
  apply: (system, step) => set(system, step, step.value),
  undo(system, step, before) {
    if (step.again || system.info(`${PCI}/${step.address}`) === undefined) return; // gone from the bus, and its settings with it
    set(system, step, before.value as string);
  },
};
