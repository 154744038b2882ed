/**
 * What a start finds on the host, and plans by that: the same for a start and for a person who asks.
 *
 * @module
 */

import { awayOf, claimsOf, everAway, others } from "./claims.ts";
import { readConfig } from "./config-file.ts";
import type { Domain } from "./domain.ts";
import { readHost } from "./host/mod.ts";
import { driverOf } from "./host/pci.ts";
import type { Journal } from "./journal.ts";
import { type Plan, planStart, questionFor } from "./plan.ts";
import type { Finding } from "./preflight/finding.ts";
import { describe, kindOf } from "./steps/mod.ts";
import type { System } from "./system.ts";

/** What was seen of the host. */
export interface Look {
  /** Has a function changed hands since? */
  isOld(): boolean;
  /** The plan, by the journals of the moment. */
  plan(): Plan;
}

/**
 * Looks at the host.
 *
 * @throws {AidError} If the config or the host cannot be read.
 */
export async function look(system: System, domain: Domain): Promise<Look> {
  const config = readConfig(system);
  const earlier = awayOf(others(system, domain.uuid));
  const host = await readHost(system, questionFor(domain, config));
  return {
    isOld: () => Object.values(host.functions).some(({ address, driver }) => driverOf(system, address) !== driver),
    plan() {
      const journals = others(system, domain.uuid);
      return planStart(domain, config, { ...host, claims: claimsOf(journals) }, everAway(earlier, awayOf(journals)));
    },
  };
}

/** Why nothing can be handed over: something of an earlier start sits in the kernel, and goes on when that lets it. */
export function stuckAt(journal: Journal | undefined): Finding {
  const step = journal?.entries.find(({ state }) => state === "hung")?.step;
  if (!step) {
    return { reason: "a program of an earlier start sits in the kernel", hint: "only a reboot frees what it hangs at" };
  }
  const at = kindOf(step)?.addresses?.(step).join(" and ") || "what it hangs at";
  return {
    reason: `${describe(step)} of an earlier start hangs in the kernel`,
    hint: `only a reboot frees ${at}`,
  };
}
