/**
 * What a scenario is. Each file in scenarios/ is one, under the name of the file.
 *
 * @module
 */

import type { Host } from "./host.ts";

/** A scenario: something that happens to a host, and what has to be true then. After it check.ts looks at everything. */
export interface Scenario {
  /** One line: what happens, and what comes of it. */
  readonly what: string;
  /** What the look afterwards finds and what is right here; each has to be found. */
  readonly leaves?: readonly RegExp[];
  /** Does it; throws where something is not as it has to be. */
  run(host: Host): Promise<void>;
}
