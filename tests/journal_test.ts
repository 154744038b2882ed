import { assert, assertEquals, assertThrows } from "@std/assert";
import { AidError } from "../lib/errors.ts";
import { type Journal, journalPath, readJournal, readJournals, saveJournal } from "../lib/journal.ts";
import { GPU, hostOf, journalOf, on, withJournals } from "./on-host.ts";
import { uuidOf } from "./simulated/guests.ts";

const JOURNAL = journalOf("win11", [
  { step: { kind: "load-module", module: "vfio-pci" }, before: { already: true }, state: "skipped" },
  {
    step: { kind: "set-override", address: GPU, driver: "vfio-pci" },
    before: { already: false, override: null },
    state: "done",
    ms: 0.25,
  },
], { claims: [GPU], daemon: { pid: 7, start: "1234" } });
const PATH = journalPath(JOURNAL.guest.uuid);

Deno.test("a journal comes back as it was saved", async () => {
  await on(hostOf(), (system) => {
    assertEquals(readJournal(system, JOURNAL.guest.uuid), undefined);
    saveJournal(system, JOURNAL);
    assertEquals(readJournal(system, JOURNAL.guest.uuid), JOURNAL);
    const changed: Journal = { ...JOURNAL, state: "applied" };
    saveJournal(system, changed);
    assertEquals(readJournals(system), { journals: [changed], unreadable: [] });
  });
});

Deno.test("a journal is replaced whole: a kill while it is saved leaves the old one", async () => {
  const host = hostOf();
  await withJournals(host, JOURNAL);
  host.fault({ name: "killed-before-journal-write" });
  await on(host, (system) => saveJournal(system, { ...JOURNAL, entries: [] })).catch(() => {});
  assertEquals(JSON.parse(host.tree.texts("/run")[PATH]!), JOURNAL);
});

const without = (key: string) => JSON.stringify({ ...JOURNAL, [key]: undefined });
const entries = (...list: unknown[]) => JSON.stringify({ ...JOURNAL, entries: list });

/** What is no journal. */
const UNREADABLE: Readonly<Record<string, string>> = {
  "cut in half": JSON.stringify(JOURNAL).slice(0, 200),
  "empty": "",
  "zeros": "\0".repeat(64),
  "null": "null",
  "a list": "[]",
  "of a newer version": JSON.stringify({ ...JOURNAL, version: 2 }),
  "without a guest": without("guest"),
  "without claims": without("claims"),
  "without entries": without("entries"),
  "with an entry that is null": entries(null),
  "with an entry without a step": entries({ before: {}, state: "done" }),
  "with an entry without a state": entries({ step: { kind: "bind" }, before: {} }),
  "with an entry without what was before": entries({ step: { kind: "bind" }, state: "done" }),
};

for (const [what, text] of Object.entries(UNREADABLE)) {
  Deno.test(`a journal that is ${what} is set aside and reported, never ignored`, async () => {
    const host = hostOf();
    host.tree.file(PATH, text);
    await on(host, (system) => {
      const error = assertThrows(() => readJournal(system, JOURNAL.guest.uuid), AidError, "was set aside");
      assert(error.hint?.includes("lspci"));
      assertEquals(readJournal(system, JOURNAL.guest.uuid), undefined);
      assertEquals(system.read(`${PATH}.unreadable`), text);
    });
  });
}

Deno.test("all journals: one that cannot be read hides none of the others, other files are no journals", async () => {
  const host = hostOf();
  await withJournals(host, JOURNAL, journalOf("linux"));
  host.tree.file(journalPath("0"), "{");
  host.tree.file(`/run/virt-aid/guests/${uuidOf("win11")}.lock`, "1");
  await on(host, (system) => {
    const { journals, unreadable } = readJournals(system);
    assertEquals(journals.map(({ guest }) => guest.name).sort(), ["linux", "win11"]);
    assertEquals(unreadable, ["0"]);
    assertEquals(readJournals(system).unreadable, ["0"], "it stays until its guest or a recovery sets it aside");
  });
});
