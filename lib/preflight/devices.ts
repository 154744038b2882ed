/**
 * Checks of the functions themselves.
 *
 * @module
 */

import { isBridge, isPciBridge } from "../host/pci.ts";
import { type Check, few } from "./finding.ts";

/** Without an IOMMU nothing can be handed over. */
export const iommu: Check = ({ host }) =>
  host.iommu ? [] : [{
    reason: "the IOMMU is off",
    hint: "turn on VT-d or AMD-Vi in the firmware; on Intel add intel_iommu=on to the kernel's command line",
  }];

/** Every function of the XML is there. All that are missing in one line: a guest may name thousands. */
export const present: Check = ({ domain, host }) => {
  const missing = domain.pci.map((device) => device.address).filter((address) => !host.functions[address]);
  if (missing.length === 0) return [];
  return [{
    reason: `there is no PCI device at ${few(missing)}`,
    hint: "addresses move when cards are added: compare with `lspci -D` and correct the guest's XML",
  }];
};

/** Bridges stay with the host, whatever the XML says. */
export const noBridge: Check = ({ targets }) =>
  targets.filter(({ fn }) => isBridge(fn)).map(({ fn }) => ({
    reason: `${fn.address} is a bridge`,
    hint: "pass the devices behind it instead",
  }));

/** Every function answers. */
export const answers: Check = ({ targets }) =>
  targets.filter(({ fn }) => !fn.answers).map(({ fn }) => ({
    reason: `${fn.address} does not answer, its configuration space reads as ones`,
    hint: "it hangs since an earlier use; only a reboot, or power off and on, brings it back",
  }));

/** Where the config says what an address has, it has that. */
export const expected: Check = ({ devices, targets }) =>
  targets.flatMap(({ fn }) => {
    const wanted = devices.find((device) => device.address === fn.address);
    if (!wanted || (wanted.vendor === fn.vendor && wanted.product === fn.device)) return [];
    return [{
      reason: `${fn.address} is ${fn.vendor}:${fn.device}, the config expects ${wanted.vendor}:${wanted.product}`,
      hint: "addresses move when cards are added: correct the guest's XML and /etc/virt-aid/config.xml",
    }];
  });

/** No other guest has it, nor another function of its IOMMU group: the kernel gives a group to one guest at a time. */
export const unclaimed: Check = ({ host, targets }) =>
  targets.flatMap(({ fn }) => {
    const group = Object.values(host.functions).filter((other) =>
      other.group !== undefined && other.group === fn.group
    );
    const taken = [fn, ...group].find((other) => host.claims[other.address] !== undefined);
    if (!taken) return [];
    const guest = host.claims[taken.address];
    const why = taken === fn ? "" : `, as ${taken.address} of its IOMMU group is`;
    return [{
      reason: `${fn.address} is in use by guest ${guest}${why}`,
      hint: `stop ${guest} first; where it does not run, \`virt-aid recover\``,
    }];
  });

/** A physical function that goes takes its virtual functions with it. */
export const noActiveVfs: Check = ({ targets }) =>
  targets.filter(({ fn }) => fn.vfs > 0).map(({ fn }) => ({
    reason: `${fn.address} has ${fn.vfs} virtual functions switched on`,
    hint: `pass a virtual function instead, or write 0 to sriov_numvfs of ${fn.address}`,
  }));

/** Every function is in an IOMMU group, and all others of that group are free of host drivers or come along. */
export const viable: Check = ({ host, targets }) => {
  const going = new Set(targets.map(({ fn }) => fn.address));
  const groups = new Set(targets.flatMap(({ fn }) => fn.group ?? []));
  const alone = targets.filter(({ fn }) => fn.group === undefined && host.iommu).map(({ fn }) => ({
    reason: `${fn.address} is in no IOMMU group`,
    hint: "the IOMMU does not cover it; try another slot",
  }));
  const shared = [...groups].flatMap((group) => {
    const others = Object.values(host.functions).filter((fn) =>
      fn.group === group && !going.has(fn.address) && !isPciBridge(fn) &&
      fn.driver !== undefined && !fn.vfio && fn.driver !== "pci-stub"
    );
    if (others.length === 0) return [];
    return [{
      reason: `IOMMU group ${group} is shared with ${few(others.map((fn) => `${fn.address} (${fn.driver})`))}`,
      hint: "pass these to the guest too, or move the card to another slot",
    }];
  });
  return [...alone, ...shared];
};

/**
 * The XML names no driver that is not one for guests: vfio-pci and its variants, all of which are called `..._vfio_pci`. The
 * XML is not trusted to have any other module loaded, or to leave a function with the host.
 */
export const vfioModel: Check = ({ domain }) =>
  domain.pci.filter(({ driverModel }) => driverModel !== undefined && !/^([a-z0-9_]+_)?vfio[-_]pci$/.test(driverModel))
    .map(({ address, driverModel }) => ({
      reason: `the guest's XML names ${driverModel} as the driver of ${address}, which is no driver for guests`,
      hint: "take <driver model=''/> out of its <hostdev>, or name vfio-pci or a variant of it",
    }));

/** The drivers that functions go to exist. */
export const drivers: Check = ({ host, targets }) =>
  [...new Set(targets.map((target) => target.driver))].filter((driver) => host.drivers[driver] === "missing")
    .map((driver) => ({
      reason: `the kernel has no driver ${driver}`,
      hint: `install the kernel's module ${driver}; after an upgrade of the kernel, reboot`,
    }));
