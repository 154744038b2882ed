/**
 * Hands the guest's devices over before it starts, or refuses; called by the dispatcher.
 *
 * @module
 */

import { prepareBegin } from "../lib/phases/prepare.ts";
import { runProgram } from "../lib/real-system.ts";

await runProgram(prepareBegin);
