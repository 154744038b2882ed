/**
 * Two guests, interleaved step by step, each let go at any point: a release where all its steps were taken, a rollback where
 * not. Nobody touches what is the other's, and the last one gives back what they share.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { apply } from "../lib/apply.ts";
import { claimsOf, decided, others } from "../lib/claims.ts";
import { DEFAULT_CONFIG } from "../lib/config.ts";
import { parseDomain } from "../lib/domain.ts";
import { readHost } from "../lib/host/mod.ts";
import { type Entry, saveJournal } from "../lib/journal.ts";
import { type Plan, planStart, questionFor } from "../lib/plan.ts";
import { undo } from "../lib/undo.ts";
import { ensureViews } from "../lib/views.ts";
import { guestXml } from "./simulated/guests.ts";
import { workstation } from "./simulated/machines.ts";
import type { SimulatedSystem } from "./simulated/process.ts";
import { functionsOf } from "./simulated/snapshot.ts";
import { World } from "./scenarios/world.ts";

/** A guest whose steps the test takes one by one. */
class Guest {
  readonly #steps: AsyncGenerator<Entry, void>;
  #undo?: AsyncGenerator<Entry, void>;
  /** Nothing is left to be done. */
  over = false;
  /** All its steps were taken. */
  applied = false;

  private constructor(readonly system: SimulatedSystem, readonly plan: Plan) {
    this.#steps = apply(system, plan.guest.uuid, plan.steps, Infinity);
  }

  /** Plans and claims, as prepare-begin does. */
  static async begin(world: World, name: string, address: string): Promise<Guest> {
    const system = world.host.start(() => new Promise(() => {}), { program: `/usr/bin/${name}` });
    await ensureViews(system);
    const domain = parseDomain(guestXml({ name, pci: [address] }));
    const host = await readHost(system, questionFor(domain, DEFAULT_CONFIG));
    const plan = await decided(system, () => {
      const plan = planStart(domain, DEFAULT_CONFIG, { ...host, claims: claimsOf(others(system, domain.uuid)) });
      const { guest, claims } = plan;
      saveJournal(system, {
        version: 1,
        guest,
        claims,
        began: system.date().toISOString(),
        state: "applying",
        entries: [],
      });
      return plan;
    });
    assertEquals(plan.refusals, []);
    return new Guest(system, plan);
  }

  /** One step on: of the start, or once it was let go, of its end. */
  async step(): Promise<void> {
    if (this.over) return;
    if (this.#undo) this.over = (await this.#undo.next()).done ?? false;
    else if (!this.applied) this.applied = (await this.#steps.next()).done ?? false;
  }

  /** Release or rollback begins. */
  letGo(): void {
    const outcome = this.applied ? "returned" : "rolled back";
    this.#undo ??= undo(this.system, this.plan.guest.uuid, { hung: false, outcome, deadline: Infinity });
  }

  /** To its end. */
  async finish(): Promise<void> {
    this.letGo();
    while (!this.over) await this.step();
  }
}

/** What happens: a step of one of the two, or one of them is let go. */
const anyEvent = fc.record({ second: fc.boolean(), letGo: fc.integer({ min: 0, max: 19 }).map((n) => n === 0) });

Deno.test("two guests in any order of steps, releases and rollbacks leave the host as it was, 1,000 times", async () => {
  let passed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyEvent, { minLength: 10, maxLength: 90 }),
      fc.boolean(),
      async (events, firstEndsFirst) => {
        const world = new World(workstation);
        const before = functionsOf(world.host);
        const guests = [
          await Guest.begin(world, "first", "0000:01:00.0"),
          await Guest.begin(world, "second", "0000:02:00.0"),
        ];
        for (const { second, letGo } of events) {
          const guest = guests[second ? 1 : 0]!;
          if (letGo) guest.letGo();
          await guest.step();
          for (const { applied, over, plan } of guests) {
            if (!applied || over) continue;
            // as long as it is not let go, what it was given stays with it, whatever the other one does
            const letGoNow = world.journals.some((path) =>
              path.includes(plan.guest.uuid) &&
              world.host.tree.texts("/run/virt-aid/guests")[path]!.includes('"undoing"')
            );
            if (letGoNow) continue;
            for (const claim of plan.claims) assertEquals(functionsOf(world.host)[claim]!.driver, "vfio-pci");
          }
        }
        for (const guest of firstEndsFirst ? guests : guests.toReversed()) await guest.finish();
        assertEquals(functionsOf(world.host), before);
        assertEquals([world.journals, world.host.harms], [[], []]);
        const shared = world.history.flatMap(({ entries }) => entries as Entry[]).filter(({ step }) =>
          step.kind === "load-module"
        );
        const states = shared.map(({ state }) => state);
        // whoever loaded it: at most one takes it back, and only what was passed on was not taken back by its owner
        assert(states.filter((state) => state === "undone").length <= 1, states.join());
        if (states.includes("passed-on")) {
          passed++;
          assert(states.includes("undone"), "the last one gives back what is shared");
        }
      },
    ),
    { numRuns: 1_000 },
  );
  assert(passed > 100, `only ${passed} of 1,000 cases shared something: the property would say little`);
});
