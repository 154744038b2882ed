/**
 * A table of checks: each has to say something where it should, and nothing where it should not.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Config, DEFAULT_CONFIG } from "../../lib/config.ts";
import type { Check } from "../../lib/preflight/finding.ts";
import { factsOf } from "../on-host.ts";
import type { GuestSpec } from "../simulated/guests.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import type { Machine } from "../simulated/machine.ts";

/** One case of a check. */
export interface Case {
  /** What is the case. */
  readonly what: string;
  /** The guest. */
  readonly guest: Omit<GuestSpec, "name">;
  /** The machine; the workstation where this is not said. */
  readonly machine?: Machine;
  /** What the config has. */
  readonly config?: Partial<Config>;
  /** Something that happens to the machine before it is read. */
  readonly change?: (host: SimulatedHost) => void;
  /** Guests that have functions, by address. */
  readonly claims?: Readonly<Record<string, string>>;
  /** The reasons that are to be found; none: the check is content. */
  readonly says?: readonly string[];
  /** The hints beside them, where they differ with the case. */
  readonly hints?: readonly string[];
}

/** Makes a test of each case. */
export function testCheck(name: string, check: Check, cases: readonly Case[]): void {
  assert(cases.some(({ says }) => says) && cases.some(({ says }) => !says), `${name}: both ways`);
  for (const { what, guest, machine, config, change, claims = {}, says = [], hints } of cases) {
    Deno.test(`${name}: ${what}: ${says.length > 0 ? "said" : "all is well"}`, async () => {
      const facts = await factsOf(guest, machine, { ...DEFAULT_CONFIG, ...config }, change);
      const findings = check({ ...facts, host: { ...facts.host, claims } });
      assertEquals(findings.map(({ reason }) => reason), says);
      if (hints) assertEquals(findings.map(({ hint }) => hint), hints);
      for (const { reason, hint } of findings) {
        assert(hint.length > 10 && !/\.$/.test(reason) && !/\n/.test(reason + hint), `${reason}: ${hint}`);
      }
    });
  }
}
