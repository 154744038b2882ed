/**
 * Gives the host back what the guest had; called by the dispatcher.
 *
 * @module
 */

import { releaseEnd } from "../lib/phases/release.ts";
import { runProgram } from "../lib/real-system.ts";

await runProgram(releaseEnd);
