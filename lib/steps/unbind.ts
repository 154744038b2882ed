import { AidError } from "../errors.ts";
import { driverOf, PCI } from "../host/pci.ts";
import type { StepKind, Unbind } from "../step.ts";
import type { System } from "../system.ts";
import { goHome } from "./go-home.ts";

/**
 * Takes a function from the driver that it is on. The kernel answers when the driver has let go, which may be never: the
 * caller has made sure that nobody uses the function.
 *
 * @throws {AidError} If it is still on that driver afterwards.
 */
export function leaveDriver(system: System, address: string): void {
  const driver = driverOf(system, address);
  if (driver === undefined) return;
  system.write(`${PCI}/${address}/driver/unbind`, address);
  if (driverOf(system, address) === driver) {
    throw new AidError(`${address} is still on ${driver} after its unbind`, "look at dmesg");
  }
}

/** See {@linkcode Unbind}. */
export const unbind: StepKind<Unbind> = {
  describe: (step) => `unbind ${step.address} from ${step.driver}`,
  address: (step) => step.address,
  look(system, step) {
    return { already: driverOf(system, step.address) === undefined };
  },
  apply(system, step) {
    const now = driverOf(system, step.address);
    // Somebody else was faster between the plan and this step: what is there now was never checked.
    if (now !== step.driver) throw new AidError(`${step.address} went from ${step.driver} to ${now}`, "start it again");
    leaveDriver(system, step.address);
  },
  undo: (system, step, _before, timeoutMs) => goHome(system, step, timeoutMs),
};
