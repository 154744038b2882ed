/**
 * What a check says.
 *
 * @module
 */

import type { GuestPolicy } from "../config.ts";
import type { Domain } from "../domain.ts";
import type { Host } from "../host/mod.ts";
import type { Leave } from "../leave.ts";
import type { Target } from "./targets.ts";

/** Something that a check found. */
export interface Finding {
  /** What is so, one line without a full stop. */
  readonly reason: string;
  /** What to do about it. */
  readonly hint: string;
}

/** What a check has to go by: also what the administrator says about the guest. */
export interface Facts extends GuestPolicy {
  /** The guest. */
  readonly domain: Domain;
  /** The host. */
  readonly host: Host;
  /** What will be handed over. */
  readonly targets: readonly Target[];
  /** Who has to go for that. */
  readonly leave: Leave;
}

/** A check: looks at the facts, and says all that it finds. */
export type Check = (facts: Facts) => Finding[];

/** A list for people that stays short: `a, b, c and 7 more`. */
export function few(items: readonly string[]): string {
  const shown = items.slice(0, 3);
  const more = items.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
