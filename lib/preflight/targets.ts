/**
 * Which functions a start hands over, and to which driver.
 *
 * @module
 */

import type { Domain } from "../domain.ts";
import { type Host } from "../host/mod.ts";
import { isBridge, isDisplay, type PciFunction, slotOf } from "../host/pci.ts";

/** A function that goes to the guest, or along with one that does. */
export interface Target {
  /** The function as it is now. */
  readonly fn: PciFunction;
  /** The driver that it goes to; the one that it is on where that is a vfio driver already. */
  readonly driver: string;
  /** It is not in the guest's XML: it is on the same card as one that is, and in the same IOMMU group. */
  readonly companion: boolean;
}

/** The driver that functions go to where the guest's XML names none by `<driver model=''/>`. */
export const PLAIN_DRIVER = "vfio-pci";

/** The driver that a model in the XML means: of the plain one's name both spellings are in use. */
export function driverOfModel(model: string): string {
  return model === "vfio_pci" ? PLAIN_DRIVER : model;
}

/**
 * The functions of the guest's XML that exist, and their companions. Display functions come last: audio and USB functions of
 * a card leave before its GPU and come back after it.
 */
export function targetsOf(domain: Domain, host: Host): Target[] {
  const wanted = new Map(domain.pci.map((device) => [device.address, device]));
  const named = domain.pci.flatMap((device) => host.functions[device.address] ?? []);
  // on the root bus a slot is no card: functions of the chipset share it that have nothing to do with each other
  const companions = Object.values(host.functions).filter((fn) =>
    !wanted.has(fn.address) && !isBridge(fn) && fn.above.length > 0 && fn.driver !== undefined && !fn.vfio &&
    named.some((main) => main.group === fn.group && slotOf(main.address) === slotOf(fn.address))
  );
  const targets = [...named, ...companions].map((fn): Target => {
    const model = wanted.get(fn.address)?.driverModel;
    const driver = model !== undefined
      ? driverOfModel(model)
      : (fn.vfio && fn.driver !== undefined ? fn.driver : PLAIN_DRIVER);
    return { fn, driver, companion: !wanted.has(fn.address) };
  });
  const rank = (target: Target) => Number(isDisplay(target.fn));
  return targets.sort((a, b) => rank(a) - rank(b));
}
