/**
 * Runs the user's own scripts for an event; called by the dispatcher.
 *
 * @module
 */

import { userScripts } from "../lib/scripts.ts";
import { runProgram } from "../lib/real-system.ts";

await runProgram(userScripts);
