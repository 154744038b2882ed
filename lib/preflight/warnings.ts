/**
 * Checks that stop no start, but explain a disappointment.
 *
 * @module
 */

import { CONFIG_FILE } from "../config.ts";
import { isDisplay } from "../host/pci.ts";
import { type Check, few } from "./finding.ts";
import { PLAIN_DRIVER } from "./targets.ts";

/** An emulated screen beside a passed GPU is often the one that the guest uses (docs/vfio.md F3). */
export const emulatedVideo: Check = ({ domain, targets }) => {
  if (domain.video.length === 0 || !targets.some(({ fn, companion }) => isDisplay(fn) && !companion)) return [];
  return [{
    reason: `the guest has an emulated ${few(domain.video)} screen beside its GPU and may use that one`,
    hint: "<video><model type='none'/></video> takes it away",
  }];
};

/** QEMU does not start on a network that is not there. */
export const inactiveNetwork: Check = ({ domain, host }) => {
  const inactive = domain.networks.filter((network) => !host.networks.includes(network));
  if (inactive.length === 0) return [];
  return [{ reason: `network ${few(inactive)} is not active`, hint: `virsh net-start ${inactive[0]}` }];
};

/** A passed device pins all of the guest's memory. */
export const littleMemory: Check = ({ domain, host: { memory } }) => {
  if (domain.hugepages.length > 0 || memory.availableKiB >= domain.memoryKiB) return [];
  return [{
    reason: `the guest pins ${domain.memoryKiB} KiB of memory, ${memory.availableKiB} KiB are available`,
    hint: "close programs, or give the guest less memory",
  }];
};

/** libvirt 10 and newer chooses a variant driver itself, and takes the function from vfio-pci again for that. */
export const variant: Check = ({ host, targets }) =>
  targets.filter(({ fn, driver }) => host.variants[fn.address] !== undefined && driver === PLAIN_DRIVER && !fn.vfio)
    .map(({ fn }) => ({
      reason: `libvirt 10 and newer would choose ${host.variants[fn.address]} for ${fn.address}`,
      hint: `<driver model='${host.variants[fn.address]}'/> in its <hostdev> says which one you want`,
    }));

/** What the config wants needs a display manager, and a card for it. */
export const noRestart: Check = ({ desktop, leave }) => {
  if (!desktop.restart || !leave.desktop || leave.manager?.again) return [];
  const why = leave.manager ? "no card of the host is left for it" : "no display manager runs it";
  return [{
    reason: `the desktop does not start again while the guest runs: ${why}`,
    hint: `<desktop restart="yes"/> in ${CONFIG_FILE} is for hosts with a second card and a display manager`,
  }];
};

/** A file server that does not answer may keep QEMU waiting too. */
export const unknownFiles: Check = ({ host }) => {
  const unknown = Object.keys(host.files).filter((file) => host.files[file] === "unknown");
  if (unknown.length === 0) return [];
  return [{
    reason: `whether ${few(unknown)} is there could not be found out`,
    hint: "look at the mount that it is on",
  }];
};
