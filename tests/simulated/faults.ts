/**
 * Faults that strike a simulated host; what there is of them is in tests/simulated/fault-table.ts.
 *
 * @module
 */

import type { FaultKind, React } from "./fault-kind.ts";
import { FAULTS } from "./fault-table.ts";
import type { Operation } from "./host.ts";

export { FAULTS } from "./fault-table.ts";

/** A fault to strike. */
export interface Fault {
  /** Its name in {@linkcode FAULTS}. */
  readonly name: string;
  /** Only at the n-th operation that it fits (1 is the first), or only at that address, module or path; else at all. */
  readonly at?: number | string;
  /** How often; once for the n-th, else always. */
  readonly times?: number;
}

/** A fault that waits for its operation. */
export interface ArmedFault {
  /** Is it this one? */
  strikes(operation: Operation): boolean;
  /** What it does. */
  readonly react: React;
  /** How often it has struck. */
  readonly struck: number;
}

/** Does a kind of fault fit an operation? */
export function fits(kind: FaultKind, operation: Operation): boolean {
  return (kind.on === "*" || kind.on === operation.kind) && (kind.where?.(operation) ?? true);
}

/** Makes a fault ready. */
export function arm({ name, at, times = typeof at === "number" ? 1 : Infinity }: Fault): ArmedFault {
  const kind = FAULTS[name];
  if (!kind) throw new Error(`there is no fault ${name}`);
  let seen = 0;
  let struck = 0;
  return {
    react: kind.react,
    get struck() {
      return struck;
    },
    strikes(operation) {
      if (!fits(kind, operation) || struck >= times) return false;
      if (typeof at === "string" && at !== operation.subject) return false;
      if (typeof at === "number" && ++seen < at) return false;
      struck++;
      return true;
    },
  };
}

/** How many operations of a run a fault could have struck: 1 to that many are worth trying. */
export function chances(name: string, operations: readonly Operation[]): number {
  return operations.filter((operation) => fits(FAULTS[name]!, operation)).length;
}
