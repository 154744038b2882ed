/**
 * What the emulated machine's first screen shows, as seen from outside.
 *
 * @module
 */

import { until } from "../until.ts";
import type { Host } from "./host.ts";

/** Share of the points of a picture (PPM, as QEMU writes it) that are not black. */
function lit(ppm: Uint8Array): number {
  // P6, width, height, largest value, each followed by one blank; then three bytes for each point
  let at = 0;
  for (let fields = 0; fields < 4; at++) if (/\s/.test(String.fromCharCode(ppm[at]!))) fields++;
  const points = ppm.subarray(at);
  let count = 0;
  for (let i = 0; i < points.length; i += 3) if (points[i]! + points[i + 1]! + points[i + 2]! > 48) count++;
  return count / (points.length / 3);
}

/** Keeps a picture among the scenario's records; gives the share of its points that are not black. */
export async function picture(host: Host, name: string): Promise<number> {
  const ppm = `${host.emulator.folder}/screen.ppm`;
  await host.emulator.tell("screendump", { filename: ppm });
  await host.emulator.tell("screendump", { filename: `${host.emulator.folder}/${name}.png`, format: "png" });
  return lit(await Deno.readFile(ppm));
}

/** Waits until the screen shows something. */
export async function untilLit(host: Host, name: string): Promise<void> {
  await until(`something on the screen: ${name}`, async () => await picture(host, name) > 0.0001);
}
