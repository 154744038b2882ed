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

/**
 * What the screen may show, by the least and the most of its points that are not black: a login prompt is one in a
 * thousand, a console full of messages one in eighty; the login of xdm is a third, a desktop with a background all.
 */
export const SHOWN = {
  text: { least: 0.0005, most: 0.1 },
  graphics: { least: 0.3, most: 1 },
} as const;

/** Waits until the screen shows that; an X server is there long before its first client has drawn. */
export async function untilSeen(host: Host, what: keyof typeof SHOWN, name: string): Promise<void> {
  const { least, most } = SHOWN[what];
  const seen = async () => {
    const share = await picture(host, name);
    return share >= least && share <= most;
  };
  await until(`${what} on the screen: ${name}`, seen, 180);
}
