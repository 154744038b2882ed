import { AidError } from "../errors.ts";
import { attribute, driverOf, onVfio, PCI } from "../host/pci.ts";
import { holdersOf } from "../host/holders.ts";
import type { Bind, StepKind } from "../step.ts";
import type { System } from "../system.ts";
import { leaveDriver } from "./leave-driver.ts";

/** How long QEMU's last descriptor may take to close after QEMU is gone: its memory is unpinned first. */
const CLOSE_MS = 5_000;

/** How often a function is switched on: by drivers, and by vfio-pci while somebody has it open. */
function enabled(system: System, address: string): number {
  return Number(attribute(system, address, "enable") ?? "0");
}

/**
 * Waits until nobody has the function open: taking it from vfio-pci would wait inside the kernel for that, without an end.
 *
 * @param closed How often it is switched on when nobody has it open: some drivers of the host leave it on (docs/vfio.md 4.4).
 * @throws {AidError} If somebody still has it open after that time; it names them.
 */
async function untilClosed(system: System, address: string, closed: number, timeoutMs: number): Promise<void> {
  const isClosed = () => enabled(system, address) <= closed;
  if (await system.until(isClosed, Math.min(CLOSE_MS, timeoutMs))) return;
  const holders = (await holdersOf(system, [address])).map((holder) => `${holder.name} (pid ${holder.pid})`);
  throw new AidError(
    `${address} is still open in ${holders.join(", ") || "a process that cannot be found"}`,
    "end that program, then `virt-aid recover`",
  );
}

/** See {@linkcode Bind}. */
export const bind: StepKind<Bind> = {
  describe: (step) => `bind ${step.address} to ${step.driver}`,
  addresses: (step) => [step.address],
  // planned only for a function that was elsewhere: if udev was faster with the probe, it is to go back all the same
  look: (system, step) => ({ already: false, enable: enabled(system, step.address) }),
  apply(system, step) {
    if (driverOf(system, step.address) === step.driver) return;
    system.write("/sys/bus/pci/drivers_probe", step.address);
    const now = driverOf(system, step.address);
    if (now !== step.driver) {
      const state = now === undefined ? "without a driver" : `on ${now}`;
      throw new AidError(`${step.address} is ${state} after it was offered to ${step.driver}`, "look at dmesg");
    }
  },
  async undo(system, step, before, timeoutMs) {
    // It may be gone from the bus, or libvirt has brought it back already (docs/libvirt.md 7).
    if (system.info(`${PCI}/${step.address}`) === undefined || !onVfio(system, step.address)) return;
    await untilClosed(system, step.address, Number(before.enable ?? 0), timeoutMs);
    leaveDriver(system, step.address);
  },
};
