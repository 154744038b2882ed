/**
 * The dispatcher: libvirt calls it for every event, as `qemu` and under the names of its other drivers. See docs/libvirt.md.
 *
 * @module
 */

import { dispatch } from "../lib/dispatch.ts";
import { runProgram } from "../lib/real-system.ts";

await runProgram(dispatch);
