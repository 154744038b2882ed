import { assertEquals, assertRejects } from "@std/assert";
import { busyWith, claimsOf, decided, others, passOn, sharedName, update } from "../lib/claims.ts";
import { AidError } from "../lib/errors.ts";
import type { Entry, EntryState, Journal } from "../lib/journal.ts";
import { readJournal } from "../lib/journal.ts";
import { GPU, hostOf, journalOf, NIC, on, withJournals } from "./on-host.ts";

const SHARED = "module vfio-pci";
const load = (state: EntryState): Entry => (
  { step: { kind: "load-module", module: "vfio-pci" }, before: { already: state === "skipped" }, state }
);
const own = (state: EntryState): Entry => (
  { step: { kind: "bind", address: GPU, driver: "vfio-pci" }, before: { already: false }, state }
);

Deno.test("what guests have is theirs by address, and a guest is none of its own others", async () => {
  const host = hostOf();
  const [win, linux] = [journalOf("win11", [], { claims: [GPU] }), journalOf("linux", [], { claims: [NIC] })];
  await withJournals(host, win, linux);
  await on(host, (system) => {
    assertEquals(claimsOf(others(system, win.guest.uuid)), { [NIC]: "linux" });
    assertEquals(claimsOf(others(system, linux.guest.uuid)), { [GPU]: "win11" });
    assertEquals(claimsOf(others(system, "another")), { [GPU]: "win11", [NIC]: "linux" });
  });
});

Deno.test("only a module is shared", () => {
  assertEquals([sharedName(load("done").step), sharedName(own("done").step)], [SHARED, undefined]);
  assertEquals(sharedName({ kind: "of a newer version" } as never), undefined);
});

Deno.test("a guest is busy with a shared thing while it takes it or gives it back", () => {
  const table: Record<EntryState, string | undefined> = {
    "intended": "win11",
    "undoing": "win11",
    "done": undefined,
    "skipped": undefined,
    "undo-failed": undefined,
    "hung": undefined,
    "undone": undefined,
    "passed-on": undefined,
  };
  for (const [state, guest] of Object.entries(table) as [EntryState, string | undefined][]) {
    assertEquals(busyWith([journalOf("win11", [own("intended"), load(state)])], SHARED), guest, state);
  }
});

/** Other guests' journals, and what becomes of an entry that is given away. */
const RECEIVERS: readonly [what: string, journal: Journal | undefined, entries: Entry[] | undefined][] = [
  ["no other guest", undefined, undefined],
  ["one without the thing", journalOf("linux", [own("done")]), undefined],
  ["one that found it as it needs it", journalOf("linux", [load("skipped")]), [load("done"), load("skipped")]],
  ["one that has it as its own already", journalOf("linux", [load("done")]), [load("done")]],
  ["one that is at it", journalOf("linux", [load("intended")]), [load("done"), load("intended")]],
  ["one that is being taken back", journalOf("linux", [load("done")], { state: "undoing" }), undefined],
  ["one that failed", journalOf("linux", [load("skipped")], { state: "failed" }), undefined],
];

for (const [what, journal, entries] of RECEIVERS) {
  Deno.test(`a shared entry and ${what}: ${entries ? "goes there" : "stays"}`, async () => {
    const host = hostOf();
    const giver = journalOf("win11", [load("done")]);
    await withJournals(host, giver, ...journal ? [journal] : []);
    await on(host, (system) => {
      assertEquals(passOn(system, giver.guest.uuid, load("done")), entries && "linux");
      assertEquals(passOn(system, giver.guest.uuid, own("done")), undefined, "a function is never given away");
      if (journal) assertEquals(readJournal(system, journal.guest.uuid)?.entries, entries ?? journal.entries);
      assertEquals(readJournal(system, giver.guest.uuid), giver);
    });
  });
}

Deno.test("decisions are made one at a time, and one that throws frees the lock", async () => {
  const host = hostOf();
  let inside = 0;
  const decide = () => on(host, (system) => decided(system, () => assertEquals([inside++, --inside], [0, 0])));
  await Promise.all([decide(), decide(), decide()]);
  await on(host, async (system) => {
    await assertRejects(
      () =>
        decided(system, () => {
          throw new Error("no");
        }),
      Error,
      "no",
    ); // deno-fmt-ignore
    assertEquals(await decided(system, () => "free"), "free");
  });
  assertEquals(host.locks.holders(), []);
});

Deno.test("a decision that somebody never ends is an error after a while", async () => {
  const host = hostOf();
  const holder = host.start(async (system) => {
    await system.lock("/run/virt-aid/lock", 0);
    await system.until(() => false, 60_000);
    return 0;
  }, { program: "/usr/bin/holder" });
  await on(host, async (system) => {
    await system.until(() => host.locks.holders().includes(holder.pid), 1_000);
    await assertRejects(() => decided(system, () => {}), AidError, "has been held by another guest's hook");
  });
});

Deno.test("update: the journal that is on disk is changed, or left as it is; one that is gone is an error", async () => {
  const host = hostOf();
  const journal = journalOf("win11");
  const { uuid } = journal.guest;
  await withJournals(host, journal);
  await on(host, async (system) => {
    assertEquals(await update(system, uuid, () => undefined), undefined);
    assertEquals(readJournal(system, uuid), journal);
    const changed = await update(system, uuid, (found) => ({ ...found, state: "applied" }));
    assertEquals([changed, readJournal(system, uuid)], [{ ...journal, state: "applied" }, changed]);
    await assertRejects(() => update(system, "another", (found) => found), AidError, "is gone");
  });
});
