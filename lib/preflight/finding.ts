/**
 * What a check says.
 *
 * @module
 */

import type { Allow, ExpectedDevice } from "../config.ts";
import type { Domain } from "../domain.ts";
import type { Host } from "../host/mod.ts";
import type { Target } from "./targets.ts";

/** Something that a check found. */
export interface Finding {
  /** What is so, one line without a full stop. */
  readonly reason: string;
  /** What to do about it. */
  readonly hint: string;
}

/** What a check has to go by. */
export interface Facts {
  /** The guest. */
  readonly domain: Domain;
  /** What its hand-over may take from the host. */
  readonly allow: Allow;
  /** What has to be at which address. */
  readonly devices: readonly ExpectedDevice[];
  /** The host. */
  readonly host: Host;
  /** What will be handed over. */
  readonly targets: readonly Target[];
}

/** A check: looks at the facts, and says all that it finds. */
export type Check = (facts: Facts) => Finding[];

/** A list for people that stays short: `a, b, c and 7 more`. */
export function few(items: readonly string[]): string {
  const shown = items.slice(0, 3);
  const more = items.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
