/**
 * The kernel's text console on frame buffers (fbcon).
 *
 * @module
 */

import type { System } from "../system.ts";
import { PCI } from "./pci.ts";

/** What the kernel calls the console on frame buffers. */
export const FRAME_BUFFER_CONSOLE = "frame buffer device";

/** Number of a frame buffer, of `fb0`. */
function fbNumber(name: string): number {
  return Number(/^fb(\d+)$/.exec(name)?.[1] ?? NaN);
}

/** Files that say whether the consoles of a name are bound. Found by name: numbers differ (docs/vfio.md 4.2). */
export function bindFiles(system: System, console: string): string[] {
  const folder = "/sys/class/vtconsole";
  return system.list(folder).filter((name) => system.read(`${folder}/${name}/name`)?.includes(console))
    .map((name) => `${folder}/${name}/bind`);
}

/** Is a console of that name bound? */
export function consoleBound(system: System, console: string): boolean {
  return bindFiles(system, console).some((file) => system.read(file)?.trim() === "1");
}

/**
 * Is the console on this function? The kernel puts it on the frame buffer with the lowest number; the firmware's frame
 * buffer is a platform device below the function that shows the picture.
 */
export function hasConsole(system: System, address: string): boolean {
  if (!consoleBound(system, FRAME_BUFFER_CONSOLE)) return false;
  const all = system.list("/sys/class/graphics").map(fbNumber).filter((n) => !isNaN(n));
  const lowest = Math.min(...all);
  const folder = `${PCI}/${address}`;
  const firmware = system.list(folder).filter((name) => /framebuffer\.\d+$/.test(name));
  return [folder, ...firmware.map((name) => `${folder}/${name}`)]
    .some((device) => system.list(`${device}/graphics`).some((name) => fbNumber(name) === lowest));
}
