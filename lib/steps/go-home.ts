/**
 * The way back of a function to the host's driver: the part of the job that every script in the field gets wrong
 * (docs/vfio.md F1).
 *
 * @module
 */

import { AidError } from "../errors.ts";
import { GPU_DRIVERS } from "../host/gpu-drivers.ts";
import { attribute, driverOf, onVfio, PCI } from "../host/pci.ts";
import type { Unbind } from "../step.ts";
import type { System } from "../system.ts";
import { unblock } from "./block-modules.ts";
import { leaveDriver } from "./leave-driver.ts";
import { modprobe } from "./load-module.ts";
import { writeOverride } from "./set-override.ts";

/** How long a driver may take to show up after a probe: some finish their probe on another thread. */
const PROBE_MS = 1_000;

/** Asks the kernel to find a driver for the function; it may answer with an error, what counts is the driver link. */
async function probed(system: System, step: Unbind): Promise<boolean> {
  if (system.info(`${PCI}/${step.address}`) === undefined) return false;
  writeOverride(system, step.address, step.driver);
  try {
    system.write("/sys/bus/pci/drivers_probe", step.address);
  } catch {
    // said again below, with what to do about it
  }
  return await system.until(() => driverOf(system, step.address) === step.driver, PROBE_MS) ?? false;
}

/** Ways to bring a function to its driver, from the mildest to the last. */
const WAYS: readonly ((system: System, step: Unbind) => void)[] = [
  () => {},
  (system, step) => {
    const reset = `${PCI}/${step.address}/reset`;
    if (system.info(reset) !== undefined) system.write(reset, "1");
  },
  (system, step) => {
    const bus = step.address.slice(0, step.address.lastIndexOf(":"));
    if (system.info(`${PCI}/${step.address}`) !== undefined) system.write(`${PCI}/${step.address}/remove`, "1");
    system.write(`/sys/class/pci_bus/${bus}/rescan`, "1"); // of its own bridge: nothing else is looked at again
  },
];

/**
 * Brings a function back to the host's driver: `driver_override` names that driver while its module loads, so that nothing
 * else can probe the function meanwhile (docs/vfio.md M1); then a probe; then one more after a reset; then removal and
 * rescan of its own bridge.
 *
 * @throws {AidError} If it is not on its driver after all that.
 */
export async function goHome(system: System, step: Unbind, timeoutMs: number): Promise<void> {
  const { address, driver, module } = step;
  // reserved for vfio-pci and free, it is there as soon as somebody has a driver looked for; 0: nobody has it open
  if (onVfio(system, address) && attribute(system, address, "enable") === "0") leaveDriver(system, address);
  const now = driverOf(system, address);
  if (now === driver) return;
  // Still with vfio, or already with a driver that somebody else chose: resetting it now would pull it from under them.
  if (now !== undefined) {
    throw new AidError(
      `${address} is on ${now} and not on ${driver}`,
      now.includes("vfio") ? "`virt-aid recover` tries again" : `take it from ${now}, then \`virt-aid recover\``,
    );
  }
  if (module !== undefined && system.info(`/sys/bus/pci/drivers/${driver}`) === undefined) {
    if (system.info(`${PCI}/${address}`) !== undefined) writeOverride(system, address, driver);
    if (GPU_DRIVERS[driver]?.unload) unblock(system, driver); // by another guest that has another card of it
    await modprobe(system, module, timeoutMs);
  }
  const problems: string[] = [];
  for (const way of WAYS) {
    try {
      way(system, step);
      if (await probed(system, step)) return;
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  const state = system.info(`${PCI}/${address}`) === undefined
    ? "is gone from the bus"
    : `does not go back to ${driver}`;
  throw new AidError(
    [`${address} ${state}, neither after a reset nor after a rescan`, ...problems].join(": "),
    "look at dmesg; a reboot brings it back",
  );
}
