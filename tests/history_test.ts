import { assertEquals, assertStringIncludes } from "@std/assert";
import { HISTORY, lastFailure, remember, whyNeverUp } from "../lib/history.ts";
import type { Journal } from "../lib/journal.ts";
import { LOG } from "../lib/log.ts";
import { hostOf, journalOf, on } from "./on-host.ts";
import { uuidOf } from "./simulated/guests.ts";

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

Deno.test("the last failure: of any guest or of one, and none where the last start went well", async () => {
  const host = hostOf();
  await on(host, (system) => {
    assertEquals(lastFailure(system), undefined);
    const at = (second: number) => `2026-01-02T03:04:0${second}.000Z`;
    remember(system, journalOf("win11", [], { began: at(1), reason: "0000:01:00.0 is held by blender" }), "refused");
    const said = `the last start of win11, ${at(1)}, was refused: 0000:01:00.0 is held by blender`;
    assertEquals([lastFailure(system), lastFailure(system, uuidOf("win11"))], [said, said]);
    remember(system, journalOf("linux", [], { began: at(2) }), "returned");
    assertEquals([lastFailure(system), lastFailure(system, uuidOf("win11"))], [undefined, said]);
    remember(system, journalOf("win11", [], { began: at(3), reason: "a\nb" }), "rolled back");
    assertEquals(lastFailure(system), `the last start of win11, ${at(3)}, was rolled back: a\\u{a}b`);
    system.save("/var/lib/virt-aid/history/9.json", "{");
    assertEquals(lastFailure(system), undefined, "not one of ours");
  });
});

Deno.test("the last failure: of a start that was taken back only later, or is not taken back yet", async () => {
  for (const outcome of ["returned", "recovered", "failed"] as const) {
    await on(hostOf(), (system) => {
      remember(system, journalOf("win11", [], { reason: "unbind hangs" }), outcome);
      assertEquals(lastFailure(system), "the last start of win11, 2026-01-02T03:04:05.000Z, failed: unbind hangs");
      // what comes of it in the end takes that place
      remember(system, journalOf("win11", [], { reason: "unbind hangs" }), "recovered");
      assertEquals(system.list(HISTORY).length, 1);
    });
  }
});

Deno.test("why a guest never came up, by how far its journal came and what libvirt says about its end", () => {
  const step = { kind: "unbind", address: "0000:01:00.0", driver: "nouveau" } as const;
  const entries = [{ step, before: { already: false }, state: "intended" }] as const;
  const never = "the guest did not come up; /var/log/libvirt/qemu/win11.log may say why";
  const unknown = "nothing says that the guest came up; /var/log/libvirt/qemu/win11.log may say why";
  const at = "prepare did not come to its end; it was at: unbind 0000:01:00.0 from nouveau";
  const cases: readonly [journal: Journal, ended: string | undefined, expected: string | undefined][] = [
    [journalOf("win11"), "-", "prepare did not come to its end"],
    [journalOf("win11", entries), "destroyed", at],
    [journalOf("win11", [], { state: "applied" }), undefined, unknown],
    [journalOf("win11", [], { state: "applied" }), "failed", never],
    [journalOf("win11", [], { state: "applied" }), "destroyed", undefined],
    [journalOf("win11", [], { state: "running" }), "-", undefined],
    [journalOf("win11", [], { state: "running" }), "failed", never],
    [journalOf("win11", [], { state: "failed" }), "-", undefined],
    [journalOf("win11", entries, { state: "failed", reason: "known" }), "failed", "known"],
  ];
  for (const [journal, ended, expected] of cases) assertEquals(whyNeverUp(journal, ended), expected);
});
