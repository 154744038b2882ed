/**
 * The operator's command.
 *
 * @module
 */

import { virtAid } from "./lib/cli/mod.ts";
import { runProgram } from "./lib/real-system.ts";

await runProgram(virtAid);
