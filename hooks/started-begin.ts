/**
 * What can only be done once the guest runs; called by the dispatcher.
 *
 * @module
 */

import { startedBegin } from "../lib/phases/started.ts";
import { runProgram } from "../lib/real-system.ts";

await runProgram(startedBegin);
