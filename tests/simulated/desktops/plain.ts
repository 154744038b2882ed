/**
 * No desktop: a login prompt on the text console.
 *
 * @module
 */

import type { Desktop } from "./parts.ts";
import { getty } from "./startx.ts";

/** See the module's text. */
export function plain(): Desktop {
  return {
    units: [{ ...getty, processes: [{ comm: "agetty", args: ["/sbin/agetty", "--noclear", "tty1", "linux"] }] }],
  };
}
