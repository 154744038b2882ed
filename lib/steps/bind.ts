import { AidError } from "../errors.ts";
import { attribute, driverOf, onVfio, PCI } from "../host/pci.ts";
import { holdersOf } from "../host/holders.ts";
import type { Bind, StepKind } from "../step.ts";
import type { System } from "../system.ts";
import { leaveDriver } from "./unbind.ts";

/** How long QEMU's last descriptor may take to close after QEMU is gone: its memory is unpinned first. */
const CLOSE_MS = 5_000;

/**
 * Waits until nobody has the function open: taking it from vfio-pci would wait inside the kernel for that, without an end.
 * The kernel counts who switched a function on, and vfio-pci does so when it is opened.
 *
 * @throws {AidError} If somebody still has it open after that time; it names them.
 */
async function untilClosed(system: System, address: string, timeoutMs: number): Promise<void> {
  const closed = () => (attribute(system, address, "enable") ?? "0") === "0";
  if (await system.until(closed, Math.min(CLOSE_MS, timeoutMs))) return;
  const holders = (await holdersOf(system, [address])).map((holder) => `${holder.name} (pid ${holder.pid})`);
  throw new AidError(
    `${address} is still open in ${holders.join(", ") || "a process that cannot be found"}`,
    "end that program, then `virt-aid recover`",
  );
}

/** See {@linkcode Bind}. */
export const bind: StepKind<Bind> = {
  describe: (step) => `bind ${step.address} to ${step.driver}`,
  address: (step) => step.address,
  // planned only for a function that was elsewhere: if udev was faster with the probe, it is to go back all the same
  look: () => ({ already: false }),
  apply(system, step) {
    if (driverOf(system, step.address) === step.driver) return;
    system.write("/sys/bus/pci/drivers_probe", step.address);
    const now = driverOf(system, step.address);
    if (now !== step.driver) {
      const state = now === undefined ? "without a driver" : `on ${now}`;
      throw new AidError(`${step.address} is ${state} after it was offered to ${step.driver}`, "look at dmesg");
    }
  },
  async undo(system, step, _before, timeoutMs) {
    // It may be gone from the bus, or libvirt has brought it back already (docs/libvirt.md 7).
    if (system.info(`${PCI}/${step.address}`) === undefined || !onVfio(system, step.address)) return;
    await untilClosed(system, step.address, timeoutMs);
    leaveDriver(system, step.address);
  },
};
