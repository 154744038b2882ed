/**
 * What holds for any host, guest and config: see each property's name. A failure prints the seed and the smallest case.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Config, DEFAULT_CONFIG } from "../lib/config.ts";
import { parseDomain } from "../lib/domain.ts";
import type { Host } from "../lib/host/mod.ts";
import { readHost } from "../lib/host/mod.ts";
import { slotOf } from "../lib/host/pci.ts";
import { type Plan, planStart, questionFor } from "../lib/plan.ts";
import { anyHost, givable } from "./simulated/any-host.ts";
import { guestXml } from "./simulated/guests.ts";
import { SimulatedHost } from "./simulated/host.ts";
import type { Machine } from "./simulated/machine.ts";
import { functionsOf } from "./simulated/snapshot.ts";
import { World } from "./scenarios/world.ts";

/** What of the host's is touched, in the words of the simulated host. */
const TOUCHING = ["bind", "unbind", "override", "power", "reset", "remove", "rescan", "modprobe"];

/** A machine, a guest that gets some of its functions, and a config. */
const anyCase = anyHost.chain((machine) =>
  fc.record({
    machine: fc.constant(machine),
    addresses: fc.subarray(givable(machine), { minLength: 1 }),
    managed: fc.array(fc.boolean(), { minLength: 15, maxLength: 15 }),
    allow: fc.record({ lastKeyboard: fc.boolean(), onlyRoute: fc.boolean() }),
    moved: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  })
);
type Case = typeof anyCase extends fc.Arbitrary<infer T> ? T : never;

/** The guest's XML. */
function xmlOf({ addresses, managed }: Case): string {
  return guestXml({ name: "any", pci: addresses.map((address, n) => ({ address, managed: managed[n]! })) });
}

/** The config as a file; `moved`: it expects another card at the guest's first address. */
function configXml({ allow, addresses, moved }: Case): string {
  const yes = (value: boolean) => value ? "yes" : "no";
  const device = moved ? `<device address="${addresses[0]}" vendor="0x1234" product="0x5678"/>` : "";
  return `<virt-aid><allow last-keyboard="${yes(allow.lastKeyboard)}" only-route="${
    yes(allow.onlyRoute)
  }"/>${device}</virt-aid>`;
}

/** A world in which the case is about to happen. */
function worldOf(chosen: Case): World {
  const world = new World(chosen.machine);
  world.host.tree.file("/etc/virt-aid/config.xml", configXml(chosen));
  return world;
}

/** The plan for a case, and the host that it was made for. */
async function planOf(machine: Machine, xml: string, config: Config): Promise<{ plan: Plan; host: Host }> {
  const simulated = new SimulatedHost(machine);
  simulated.mounted.add("sysfs").add("proc");
  const found = Promise.withResolvers<{ plan: Plan; host: Host }>();
  simulated.start(async (system) => {
    const domain = parseDomain(xml);
    const host = await readHost(system, questionFor(domain, config));
    found.resolve({ plan: planStart(domain, config, host), host });
    return 0;
  }, { program: "/usr/bin/plan" });
  return await found.promise;
}

/** Operations that touched the host. */
function touches(world: World): string[] {
  return world.host.operations.filter(({ kind }) => TOUCHING.includes(kind)).map(({ kind, subject }) =>
    `${kind} ${subject}`
  );
}

Deno.test("a plan touches nothing outside of the XML and its companions, and refuses or has steps, 1,000 times", async () => {
  await fc.assert(
    fc.asyncProperty(anyCase, async (chosen) => {
      const config = { ...DEFAULT_CONFIG, allow: chosen.allow };
      const { plan, host } = await planOf(chosen.machine, xmlOf(chosen), config);
      const allowed = (address: string) =>
        chosen.addresses.some((wanted) =>
          wanted === address ||
          (slotOf(wanted) === slotOf(address) && host.functions[wanted]?.group === host.functions[address]?.group)
        );
      for (const step of plan.steps) if ("address" in step) assert(allowed(step.address), JSON.stringify(step));
      assertEquals(plan.refusals.length > 0, plan.steps.length === 0);
      assertEquals(plan, JSON.parse(JSON.stringify(plan)), "a plan is plain data");
      assertEquals(
        plan,
        (await planOf(chosen.machine, xmlOf(chosen), config)).plan,
        "the same facts give the same plan",
      );
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("a start is refused with nothing touched, or runs, and its end gives the start state back, 1,000 times", async () => {
  let ran = 0;
  await fc.assert(
    fc.asyncProperty(anyCase, async (chosen) => {
      const world = worldOf(chosen);
      const before = functionsOf(world.host);
      const started = await world.libvirt.start(xmlOf(chosen));
      const [prepare] = started.hooks;
      if (prepare!.code !== 0) assertEquals(touches(world), [], "a refusal touches nothing");
      if (world.libvirt.running.has("any")) {
        ran++;
        const stopped = await world.libvirt.stop("any");
        assertEquals(stopped.hooks.map(({ code, stderr }) => [code, stderr]), [[0, ""], [0, ""]]);
      }
      assertEquals(functionsOf(world.host), before);
      assertEquals([world.journals, world.host.harms], [[], []]);
      if (!chosen.allow.onlyRoute) assertEquals(world.host.losses.filter((loss) => loss.includes("route")), []);
    }),
    { numRuns: 1_000 },
  );
  assert(ran > 200, `only ${ran} of 1,000 cases ran: the property would say little`);
});

Deno.test("killed after any single write of the journal, then recovered: the start state, for any host", async () => {
  let kills = 0;
  await fc.assert(
    fc.asyncProperty(anyCase, async (chosen) => {
      for (let at = 1;; at++) {
        const world = worldOf(chosen);
        const fault = world.host.fault({ name: "killed-after-journal-write", at });
        const before = functionsOf(world.host);
        await world.libvirt.start(xmlOf(chosen));
        if (world.libvirt.running.has("any")) await world.libvirt.stop("any");
        await world.settled();
        await world.run("virt-aid", ["recover"]);
        assertEquals([functionsOf(world.host), world.journals, world.host.harms], [before, [], []], `write ${at}`);
        if (fault.struck === 0) return;
        kills++;
      }
    }),
    { numRuns: 100 },
  );
  assert(kills > 1_000, `only ${kills} kills: the property would say little`);
});

Deno.test("killed after any one write of the journal, then recovered: the start state, 1,000 times", async () => {
  await fc.assert(
    fc.asyncProperty(anyCase, fc.integer({ min: 1, max: 60 }), async (chosen, at) => {
      const world = worldOf(chosen);
      world.host.fault({ name: "killed-after-journal-write", at });
      const before = functionsOf(world.host);
      await world.libvirt.start(xmlOf(chosen));
      if (world.libvirt.running.has("any")) await world.libvirt.stop("any");
      await world.settled();
      await world.run("virt-aid", ["recover"]);
      assertEquals([functionsOf(world.host), world.journals, world.host.harms], [before, [], []]);
    }),
    { numRuns: 1_000 },
  );
});
