/**
 * Which display functions the host's own text console or the firmware's picture is on.
 *
 * @module
 */

import type { System } from "../system.ts";
import { PCI } from "./pci.ts";

/** Number of a frame buffer, of `fb0`. */
function fbNumber(name: string): number {
  return Number(/^fb(\d+)$/.exec(name)?.[1] ?? NaN);
}

/** Is a frame buffer console (fbcon) bound? Found by name: their numbers differ from host to host (docs/vfio.md 4.2). */
function consoleBound(system: System): boolean {
  const folder = "/sys/class/vtconsole";
  return system.list(folder).some((name) =>
    system.read(`${folder}/${name}/name`)?.includes("frame buffer") &&
    system.read(`${folder}/${name}/bind`)?.trim() === "1"
  );
}

/**
 * Is the console on this function? The kernel puts it on the frame buffer with the lowest number; the firmware's frame
 * buffer is a platform device below the function that shows the picture.
 */
export function hasConsole(system: System, address: string): boolean {
  if (!consoleBound(system)) return false;
  const all = system.list("/sys/class/graphics").map(fbNumber).filter((n) => !isNaN(n));
  const lowest = Math.min(...all);
  const folder = `${PCI}/${address}`;
  const firmware = system.list(folder).filter((name) => /framebuffer\.\d+$/.test(name));
  return [folder, ...firmware.map((name) => `${folder}/${name}`)]
    .some((device) => system.list(`${device}/graphics`).some((name) => fbNumber(name) === lowest));
}
