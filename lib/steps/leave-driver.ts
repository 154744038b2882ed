import { AidError } from "../errors.ts";
import { driverOf, PCI } from "../host/pci.ts";
import type { System } from "../system.ts";

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
