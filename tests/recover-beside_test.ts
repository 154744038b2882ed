import { assertEquals, assertMatch } from "@std/assert";
import { lockGuest } from "../lib/guest-lock.ts";
import { HISTORY } from "../lib/history.ts";
import {
  INTERRUPTED,
  type Journal,
  journalPath,
  JOURNALS,
  readJournals,
  releasedPath,
  removeJournal,
  RETURNED,
  saveJournal,
} from "../lib/journal.ts";
import { recover, type Recovery } from "../lib/recover.ts";
import type { System } from "../lib/system.ts";
import { hostOf, journalOf, NIC, on, withJournals } from "./on-host.ts";
import { uuidOf } from "./simulated/guests.ts";
import type { SimulatedHost } from "./simulated/host.ts";

const OVERRIDE = {
  step: { kind: "set-override", address: NIC, driver: "vfio-pci" },
  before: { already: false, override: null },
  state: "done",
} as const;

/** A host on which a guest left its override behind. */
async function left(state: Journal["state"], name = "win11"): Promise<SimulatedHost> {
  const host = hostOf();
  host.pci.at(NIC).override = "vfio-pci";
  await withJournals(host, journalOf(name, [OVERRIDE], { claims: [NIC], state }));
  return host;
}

/** A program of ours that is at a guest for so long. */
function busy(host: SimulatedHost, name: string, ms: number, end: (system: System) => void = () => {}) {
  return host.start(async (system) => {
    const lock = await lockGuest(system, uuidOf(name), 0);
    await system.until(() => false, ms);
    end(system);
    lock.release();
    return 0;
  }, { program: "/etc/libvirt/hooks/virt-aid/prepare-begin" });
}

/** What becomes of journals while a program of ours is at a guest. */
const resultsBeside = (host: SimulatedHost, pid: number): Promise<Recovery[]> =>
  on(host, async (system) => {
    await system.until(() => host.locks.holders().includes(pid), 1_000);
    return await recover(system);
  });

Deno.test("a rollback that takes 50 s is waited for", async () => {
  const host = await left("undoing");
  const rollback = busy(host, "win11", 50_000, (system) => removeJournal(system, uuidOf("win11")));
  const found = await resultsBeside(host, rollback.pid);
  assertEquals([found[0]!.text, (await rollback.ended).ended], ["it has just ended", "exit"]);
});

Deno.test("a program that is at a guest is killed when its dispatcher would have done so", async () => {
  const host = await left("undoing");
  const release = busy(host, "win11", 100_000);
  const found = await resultsBeside(host, release.pid);
  assertEquals([found[0]!.result, (await release.ended).ended], ["recovered", "killed"]);
});

Deno.test("one that begins a new start while its lock is waited for is left, and not killed", async () => {
  const host = await left("failed");
  const { pid, started } = host.processes.spawn({ comm: "libvirtd", args: ["/usr/sbin/libvirtd"] });
  const start = busy(host, "win11", 100_000);
  host.start(async (system) => {
    await system.until(() => false, 20_000);
    saveJournal(system, journalOf("win11", [OVERRIDE], { state: "applying", daemon: { pid, start: `${started}` } }));
    return 0;
  }, { program: "/usr/bin/later" });
  const found = await resultsBeside(host, start.pid);
  assertMatch(found[0]!.text, /^libvirt \(pid \d+\) is starting it/);
  assertEquals((await start.ended).ended, "exit");
});

Deno.test("a guest that another program is at keeps none of the others waiting", async () => {
  const [first, second] = ["win11", "linux"].sort((a, b) => uuidOf(a) < uuidOf(b) ? -1 : 1) as [string, string];
  const host = await left("undoing", first);
  await withJournals(host, journalOf(second));
  const release = busy(host, first, 20_000, (system) => {
    assertEquals(readJournals(system).journals.map(({ guest }) => guest.name), [first]);
  });
  const found = await resultsBeside(host, release.pid);
  assertEquals(found.map(({ guest, result }) => [guest, result]), [[second, "recovered"], [first, "recovered"]]);
  assertEquals((await release.ended).code, 0);
});

Deno.test("what killed programs were at writing is removed, what others are at writing is not", async () => {
  const host = hostOf();
  const living = host.processes.spawn({ comm: "prepare-begin", args: ["/etc/libvirt/hooks/virt-aid/prepare-begin"] });
  const uuid = uuidOf("win11");
  const files = [`${journalPath(uuid)}.`, `${releasedPath(uuid)}.`, `${RETURNED}.`, `${HISTORY}/2026-${uuid}.json.`];
  for (const file of files) for (const pid of [4_194_304, living.pid]) host.tree.file(`${file}${pid}`, "{");
  const lock = `${JOURNALS}/${uuid}.takeover-2.lock`;
  host.tree.file(lock, "4194304\n");
  await on(host, (system) => recover(system));
  const found = [JOURNALS, HISTORY].flatMap((folder) => Object.keys(host.tree.texts(folder)));
  assertEquals(found.sort(), [...files.map((file) => `${file}${living.pid}`), lock].sort());
});

Deno.test("a note of a release whose journal is gone is removed, unless a program is at the guest", async () => {
  const host = hostOf();
  const note = releasedPath(uuidOf("win11"));
  host.tree.file(note, "");
  const start = busy(host, "win11", 1_000);
  await resultsBeside(host, start.pid);
  assertEquals(note in host.tree.texts(JOURNALS), true);
  await start.ended;
  await on(host, (system) => recover(system));
  assertEquals(note in host.tree.texts(JOURNALS), false);
});

Deno.test("that a recovery was killed is known until all guests are looked at", async () => {
  const host = await left("failed");
  host.tree.file(INTERRUPTED, "");
  await on(host, (system) => recover(system, "win11"));
  assertEquals(INTERRUPTED in host.tree.texts(JOURNALS), true);
  await on(host, (system) => recover(system));
  assertEquals(INTERRUPTED in host.tree.texts(JOURNALS), false);
});
