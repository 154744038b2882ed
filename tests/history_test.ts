import { assertEquals, assertStringIncludes } from "@std/assert";
import { HISTORY, remember } from "../lib/history.ts";
import { LOG } from "../lib/log.ts";
import { hostOf, journalOf, on } from "./on-host.ts";

Deno.test("a run that is over is kept with its outcome and end, without claims and state", async () => {
  const host = hostOf();
  const journal = journalOf("win11", [], { claims: ["0000:01:00.0"], reason: "unbind failed" });
  await on(host, (system) => remember(system, journal, "rolled back"));
  const [[path, text]] = Object.entries(host.tree.texts(HISTORY)) as [[string, string]];
  assertEquals(path, `${HISTORY}/2026-01-02T03-04-05.000Z-${journal.guest.uuid}.json`);
  const past = JSON.parse(text);
  assertStringIncludes(past.ended, "2026-01-02T03:04:05.");
  const { version, guest, began, entries, reason } = journal;
  assertEquals(past, { version, guest, began, entries, reason, ended: past.ended, outcome: "rolled back" });
});

Deno.test("the newest 200 are kept, and what is not ours stays", async () => {
  const host = hostOf();
  host.tree.file(`${HISTORY}/notes.txt`, "mine");
  const year = (n: number) => `${1800 + n}-01-01T00:00:00.000Z`;
  await on(host, (system) => {
    for (let n = 0; n < 203; n++) remember(system, journalOf("win11", [], { began: year(n) }), "returned");
    const names = system.list(HISTORY);
    assertEquals([names.length, names[0]!.slice(0, 4), names.at(-1)], [201, "1803", "notes.txt"]);
  });
});

for (const name of ["var-full", "closed"]) {
  Deno.test(`a history that cannot be written (${name}) is said in the log and is no failure`, async () => {
    const host = hostOf();
    if (name === "closed") {
      host.tree.folder(HISTORY);
      host.tree.closed.set(HISTORY, () => true);
    } else host.fault({ name });
    await on(host, (system) => remember(system, journalOf("win11"), "returned"));
    assertEquals(host.tree.texts(HISTORY), {});
    assertStringIncludes(host.tree.texts("/var/log")[LOG]!, "win11\tWARN\tthe history could not be written: ");
  });
}
