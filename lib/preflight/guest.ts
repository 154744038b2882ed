/**
 * Checks of what else the guest needs: a start that fails later has cost its user the desktop for nothing (docs/vfio.md F2).
 *
 * @module
 */

import type { Disk, UsbHostdev } from "../domain.ts";
import { checkName } from "../event.ts";
import type { UsbDevice } from "../host/usb.ts";
import { type Check, few } from "./finding.ts";

/** Its name can be a name of files. */
export const name: Check = ({ domain }) => {
  const wrong = checkName(domain.name);
  return wrong === undefined ? [] : [{
    reason: `the guest's name cannot be used: ${wrong}`,
    hint: "rename it (`virsh domrename`): a guest with devices needs a name that can be a file's name",
  }];
};

/** Is this the device that the XML means? */
function fits(wanted: UsbHostdev, device: UsbDevice): boolean {
  return (wanted.vendor === undefined || wanted.vendor === device.vendor) &&
    (wanted.product === undefined || wanted.product === device.product) &&
    (wanted.bus === undefined || wanted.bus === device.bus) &&
    (wanted.device === undefined || wanted.device === device.device) &&
    (wanted.port === undefined || wanted.port === device.port.replace(/^\d+-/, ""));
}

/** How a person would call a USB device of the XML. */
function usbName(usb: UsbHostdev): string {
  return usb.vendor === undefined ? `bus ${usb.bus} device ${usb.device ?? usb.port}` : `${usb.vendor}:${usb.product}`;
}

/** Its USB devices are plugged in. */
export const usb: Check = ({ domain, host }) => {
  const missing = domain.usb.filter((wanted) =>
    wanted.startupPolicy !== "optional" && !host.usb.some((device) => fits(wanted, device))
  );
  if (missing.length === 0) return [];
  return [{
    reason: `USB device ${few(missing.map(usbName))} is not plugged in`,
    hint: `plug it in, or let its <source> in the guest's XML have startupPolicy='optional'`,
  }];
};

/** A disk without its file stops a start, but where the XML says that it may be missing. */
function needed(disk: Disk): string[] {
  return disk.source === undefined || disk.startupPolicy === "optional" ? [] : [disk.source];
}

/** Its disks, images, ROM files and input devices are there. */
export const files: Check = ({ domain, host }) => {
  const all = [...domain.disks.flatMap(needed), ...domain.files, ...domain.evdev];
  const nvram = domain.nvram;
  const noNvram = nvram && [nvram.path, nvram.template].every((file) => host.files[file] === "missing");
  const missing = [...all.filter((file) => host.files[file] === "missing"), ...(noNvram ? [nvram.template] : [])];
  if (missing.length === 0) return [];
  return [{
    reason: `there is no ${few(missing)}`,
    hint: "mount or plug in what it is on, or correct the guest's XML",
  }];
};

/** There are huge pages enough. */
export const hugepages: Check = ({ domain, host: { memory } }) =>
  domain.hugepages.flatMap((request) => {
    const size = request.sizeKiB ?? memory.defaultPageKiB;
    const free = memory.hugeKiB[size] ?? 0;
    if (free >= request.needKiB) return [];
    const pages = Math.ceil((request.needKiB - free) / (size || 1));
    return [{
      reason: `${request.needKiB} KiB in huge pages of ${size} KiB are asked for, ${free} KiB are free`,
      hint: `${pages} more pages are missing: raise nr_hugepages in /sys/kernel/mm/hugepages/hugepages-${size}kB`,
    }];
  });
