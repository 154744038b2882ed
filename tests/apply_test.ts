import { assert, assertEquals, assertRejects } from "@std/assert";
import { apply } from "../lib/apply.ts";
import { AidError } from "../lib/errors.ts";
import { type Entry, type Journal, readJournal } from "../lib/journal.ts";
import type { Step } from "../lib/step.ts";
import { hostOf, journalOf, NIC, on, withJournals } from "./on-host.ts";
import type { SimulatedHost } from "./simulated/host.ts";
import { uuidOf } from "./simulated/guests.ts";

const LOAD: Step = { kind: "load-module", module: "vfio-pci" };
const STEPS: readonly Step[] = [
  LOAD,
  { kind: "set-power", address: NIC, attribute: "power/control", value: "on" },
  { kind: "set-override", address: NIC, driver: "vfio-pci" },
  { kind: "unbind", address: NIC, driver: "e1000e", module: "e1000e" },
  { kind: "bind", address: NIC, driver: "vfio-pci" },
];
const UUID = uuidOf("win11");

/** Applies steps for a guest whose journal is in place; gives the entries that it was told of. */
function applied(host: SimulatedHost, steps = STEPS, ms = 30_000): Promise<Entry[]> {
  return on(host, async (system) => {
    const entries: Entry[] = [];
    for await (const entry of apply(system, UUID, steps, system.now() + ms)) entries.push(entry);
    return entries;
  });
}

const states = (entries: readonly Entry[]) => entries.map(({ state }) => state);
const journalIn = (host: SimulatedHost): Promise<Journal> => on(host, (system) => readJournal(system, UUID)!);

Deno.test("steps are taken in their order, and the journal says all that was told", async () => {
  const host = hostOf();
  await withJournals(host, journalOf("win11"));
  const told = await applied(host);
  assertEquals(states(told), ["done", "done", "done", "done", "done"]);
  const journal = await journalIn(host);
  assertEquals([journal.state, journal.entries], ["applied", told]);
  assertEquals(journal.entries.map(({ step }) => step), STEPS);
  assertEquals(journal.entries[2]!.before, { already: false, override: null });
  assert(journal.entries[3]!.ms! >= 15, "the time that a step took");
  assertEquals(host.pci.at(NIC).driver, "vfio-pci");
  host.operations.length = 0;
  assertEquals(states(await applied(host, [LOAD])), ["skipped"], "what is so already is not done again");
  assertEquals(host.operations.filter(({ kind }) => kind === "modprobe"), []);
});

Deno.test("the journal says what is about to happen before it happens", async () => {
  const host = hostOf();
  await withJournals(host, journalOf("win11"));
  const path = `/run/virt-aid/guests/${UUID}.json`;
  const last = () => {
    const { step, state } = (JSON.parse(host.tree.texts("/run")[path]!) as Journal).entries.at(-1)!;
    return `${step.kind} ${state}`;
  };
  const seen: string[] = [];
  const operate = host.operate.bind(host);
  host.operate = (kind, subject, driver, act) => {
    if (["modprobe", "override", "unbind", "bind"].includes(kind)) seen.push(`${kind}: ${last()}`);
    operate(kind, subject, driver, act);
  };
  await applied(host);
  assertEquals(seen, [
    "modprobe: load-module intended",
    "override: set-override intended",
    "unbind: unbind intended",
    "bind: bind intended",
  ]);
});

Deno.test("a step that fails ends it, and the journal says how far it came", async () => {
  const host = hostOf(undefined, [{ name: "unbind-fails" }]);
  await withJournals(host, journalOf("win11"));
  await assertRejects(() => applied(host), Error, "Device or resource busy");
  const journal = await journalIn(host);
  assertEquals([journal.state, ...states(journal.entries)], ["applying", "done", "done", "done", "intended"]);
});

Deno.test("a journal that cannot be written ends it before the step", async () => {
  const host = hostOf();
  await withJournals(host, journalOf("win11"));
  host.fault({ name: "run-full" });
  await assertRejects(() => applied(host), Error, "No space left on device");
  assert(!host.modules.all.get("vfio_pci")!.loaded);
});

Deno.test("no step begins after the deadline", async () => {
  const host = hostOf();
  await withJournals(host, journalOf("win11"));
  await assertRejects(() => applied(host, STEPS, 80), AidError, "there was no time left to");
  const journal = await journalIn(host);
  assertEquals([journal.state, journal.entries[0]!.state], ["applying", "done"]);
  assert(journal.entries.length < STEPS.length);
});

Deno.test("a shared step waits for a guest that is at the same thing", async () => {
  const host = hostOf();
  const busy = journalOf("linux", [{ step: LOAD, before: { already: false }, state: "intended" }]);
  await withJournals(host, journalOf("win11"), busy);
  host.after(500, () => {
    host.tree.file(
      `/run/virt-aid/guests/${busy.guest.uuid}.json`,
      JSON.stringify({ ...busy, entries: [{ ...busy.entries[0], state: "done" }] }),
    );
    host.modules.load("vfio_pci");
  });
  assertEquals(states(await applied(host, [LOAD])), ["skipped"]);
  assert(host.clock.now > 500);
});

Deno.test("a shared step names the guest that never ends with it; steps of the guest's own wait for nobody", async () => {
  const host = hostOf();
  const busy = journalOf("linux", [{ step: LOAD, before: { already: false }, state: "undoing" }]);
  await withJournals(host, journalOf("win11"), busy);
  assertEquals(states(await applied(host, STEPS.slice(2, 3))), ["done"]);
  const error = await assertRejects(() => applied(host, [LOAD]), AidError, "guest linux is still at it: load vfio-pci");
  assert(error.hint?.includes("virt-aid recover"));
});

Deno.test("no steps: the journal is applied at once", async () => {
  const host = hostOf();
  await withJournals(host, journalOf("win11"));
  assertEquals(await applied(host, []), []);
  assertEquals((await journalIn(host)).state, "applied");
});

Deno.test("a journal that goes away meanwhile ends it", async () => {
  await assertRejects(() => applied(hostOf()), AidError, "is gone");
});
