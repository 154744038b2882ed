import { assert, assertEquals, assertRejects } from "@std/assert";
import { apply } from "../lib/apply.ts";
import { AidError } from "../lib/errors.ts";
import { HISTORY } from "../lib/history.ts";
import { type Entry, type Journal, journalPath, readJournal } from "../lib/journal.ts";
import type { Step } from "../lib/step.ts";
import { undo } from "../lib/undo.ts";
import { GPU, hostOf, journalOf, NIC, on, withJournals } from "./on-host.ts";
import { uuidOf } from "./simulated/guests.ts";
import type { SimulatedHost } from "./simulated/host.ts";
import { functionsOf } from "./simulated/snapshot.ts";

const LOAD: Step = { kind: "load-module", module: "vfio-pci" };
const handOver = (address: string, driver: string): Step[] => [
  { kind: "set-power", address, attribute: "d3cold_allowed", value: "0" },
  { kind: "set-override", address, driver: "vfio-pci" },
  { kind: "unbind", address, driver, module: driver },
  { kind: "bind", address, driver: "vfio-pci" },
];
const STEPS = [LOAD, ...handOver(NIC, "e1000e"), ...handOver(GPU, "nouveau")];
const UUID = uuidOf("win11");
const PATH = journalPath(UUID);

/** A host on which a guest has what it wants, and how its functions were before. */
async function handedOver(): Promise<{ host: SimulatedHost; before: unknown }> {
  const host = hostOf();
  const before = functionsOf(host);
  await withJournals(host, journalOf("win11", [], { claims: [NIC, GPU] }));
  await on(host, async (system) => {
    for await (const _ of apply(system, UUID, STEPS, Infinity));
  });
  return { host, before };
}

/** Takes back; gives what it was told of. */
function undone(host: SimulatedHost, hung = false): Promise<string[]> {
  return on(host, async (system) => {
    const told: string[] = [];
    const options = { hung, outcome: "returned", deadline: system.now() + 45_000 } as const;
    for await (const { step, state } of undo(system, UUID, options)) told.push(`${step.kind} ${state}`);
    return told;
  });
}

const journalIn = (host: SimulatedHost): Promise<Journal | undefined> =>
  on(host, (system) => readJournal(system, UUID));
const pastOf = (host: SimulatedHost): Journal[] =>
  Object.values(host.tree.texts(HISTORY)).map((text) => JSON.parse(text));

Deno.test("what a program left behind that was killed while it wrote the journal goes with that", async () => {
  const { host } = await handedOver();
  const other = PATH.replace(UUID, uuidOf("linux"));
  for (const path of [`${PATH}.1461`, `${other}.77`]) host.tree.file(path, '{"version":1,', 0o600);
  await undone(host);
  assertEquals(Object.keys(host.tree.texts("/run/virt-aid/guests")), [`${other}.77`]);
});

Deno.test("everything is taken back in reverse order, and the journal goes into the history", async () => {
  const { host, before } = await handedOver();
  const told = await undone(host);
  assertEquals(told, STEPS.toReversed().map(({ kind }) => `${kind} undone`));
  assertEquals([functionsOf(host), await journalIn(host)], [before, undefined]);
  assertEquals(pastOf(host).map(({ entries }) => entries.map(({ state }) => state)), [STEPS.map(() => "undone")]);
});

Deno.test("what was skipped, passed on or taken back already is not touched", async () => {
  const host = hostOf();
  const step: Step = { kind: "set-override", address: NIC, driver: "vfio-pci" };
  const entry = (state: Entry["state"]): Entry => ({ step, before: { already: false, override: "never" }, state });
  await withJournals(host, journalOf("win11", [entry("skipped"), entry("passed-on"), entry("undone")]));
  assertEquals([await undone(host), host.pci.at(NIC).override], [[], null]);
});

Deno.test("a step that was only intended is taken back too, whether it happened or not", async () => {
  const { host, before } = await handedOver();
  const journal = (await journalIn(host))!;
  host.pci.unbind(host.pci.at(GPU));
  const entries = journal.entries.with(-1, { ...journal.entries.at(-1)!, state: "intended" });
  await withJournals(host, { ...journal, entries });
  await undone(host);
  assertEquals(functionsOf(host), before);
});

Deno.test("a failure stops nothing: all of them are said at the end, and what is left stays in the journal", async () => {
  const { host, before } = await handedOver();
  const faults = [host.fault({ name: "vfio-unbind-fails", at: GPU })];
  const error = await assertRejects(() => undone(host), AidError);
  assertEquals(error.message.split("\n").map((line) => line.split(" was not taken back: ")[0]), [
    `unbind ${GPU} from nouveau`,
    `bind ${GPU} to vfio-pci`,
  ]);
  assert(error.hint?.includes("virt-aid recover") && faults[0]!.struck > 0);
  const left = (await journalIn(host))!;
  assertEquals([left.state, left.claims], ["failed", [GPU]], "what was returned is no longer claimed");
  assertEquals(host.pci.at(NIC).driver, "e1000e");
  assertEquals(pastOf(host), []);

  host.heal();
  await undone(host);
  assertEquals([functionsOf(host), await journalIn(host)], [before, undefined], "the second time takes the rest back");
  const errors = pastOf(host).flatMap(({ entries }) => entries.map(({ error }: Entry) => error));
  assertEquals(new Set(errors), new Set([undefined]), "what went wrong the first time is no longer so");
});

Deno.test("what hung is not touched again, nor anything of its function; the rest is taken back", async () => {
  const { host } = await handedOver();
  const journal = (await journalIn(host))!;
  const entries = journal.entries.with(-1, { ...journal.entries.at(-1)!, state: "intended" });
  await withJournals(host, { ...journal, entries });
  host.pci.at(GPU).stuck = true; // whoever touches it sits in the kernel, and this test would say so
  const error = await assertRejects(() => undone(host, true), AidError, `bind ${GPU} to vfio-pci hangs in the kernel`);
  assert(error.hint?.includes("reboot") && error.hint.includes(GPU), error.hint);
  const left = (await journalIn(host))!;
  assertEquals([left.state, left.claims], ["failed", [GPU]]);
  assertEquals(host.pci.at(NIC).driver, "e1000e");
});

Deno.test("a kind of step that is not known is kept for the version that knows it", async () => {
  const host = hostOf();
  const step = { kind: "set-input" } as unknown as Step;
  await withJournals(host, journalOf("win11", [{ step, before: { already: false }, state: "done" }]));
  await assertRejects(() => undone(host), AidError, "step of unknown kind set-input was not taken back");
  assertEquals((await journalIn(host))!.entries[0]!.state, "undo-failed");
});

Deno.test("a shared thing goes to the guest that still has it", async () => {
  const { host } = await handedOver();
  const other = journalOf("linux", [{ step: LOAD, before: { already: true }, state: "skipped" }], { state: "running" });
  await withJournals(host, other);
  assertEquals((await undone(host)).at(-1), "load-module passed-on");
  const [first] = (await on(host, (system) => readJournal(system, other.guest.uuid)))!.entries;
  assertEquals([first!.step, first!.state, first!.before], [LOAD, "done", { already: false }]);
});

Deno.test("a full disk keeps nothing from being taken back", async () => {
  const { host, before } = await handedOver();
  host.fault({ name: "run-full" });
  host.fault({ name: "var-full" });
  await undone(host);
  assertEquals([functionsOf(host), await journalIn(host)], [before, undefined]);
});

Deno.test("a reason is kept; without a journal there is nothing to take back", async () => {
  const { host } = await handedOver();
  await on(host, async (system) => {
    const options = { hung: false, outcome: "rolled back", deadline: Infinity, reason: "QEMU failed" } as const;
    for await (const _ of undo(system, UUID, options));
  });
  assertEquals(pastOf(host).map(({ reason }) => reason), ["QEMU failed"]);
  await assertRejects(() => undone(host), AidError, "has no journal");
  assertEquals(host.tree.find(PATH), undefined);
});
