import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Daemon, Journal } from "../lib/journal.ts";
import { JOURNALS, readJournals, releasedPath, removeJournal } from "../lib/journal.ts";
import { releaseEnd } from "../lib/phases/release.ts";
import { daemonOf, recover, type Recovery } from "../lib/recover.ts";
import { hostOf, journalOf, NIC, on, withJournals } from "./on-host.ts";
import { guestXml, uuidOf } from "./simulated/guests.ts";
import type { SimulatedHost } from "./simulated/host.ts";

const OVERRIDE = {
  step: { kind: "set-override", address: NIC, driver: "vfio-pci" },
  before: { already: false, override: null },
  state: "done",
} as const;

/** A host on which a guest left its override behind. */
async function left(more: Partial<Journal> = {}, name = "win11"): Promise<SimulatedHost> {
  const host = hostOf();
  host.pci.at(NIC).override = "vfio-pci";
  await withJournals(host, journalOf(name, [OVERRIDE], { claims: [NIC], ...more }));
  return host;
}

const results = (host: SimulatedHost, name?: string): Promise<Recovery[]> =>
  on(host, (system) => recover(system, name));

/** A libvirtd on the host, as a journal names it. */
function libvirtd(host: SimulatedHost): Daemon {
  const process = host.processes.spawn({ comm: "lib virt) S 7", args: ["/usr/sbin/libvirtd"] });
  return { pid: process.pid, start: `${process.started}` };
}

/** QEMU of a guest. */
function qemu(host: SimulatedHost, uuid: string): void {
  host.processes.spawn({ comm: "qemu-system-x86", args: ["/usr/bin/qemu-system-x86_64", "-uuid", uuid] });
}

for (const state of ["applying", "applied", "running", "undoing", "failed"] as const) {
  Deno.test(`a journal that is ${state}, of a guest and a libvirt that are gone, is taken back`, async () => {
    const host = await left({ state, daemon: { pid: 9_999, start: "1" } });
    assertEquals(await results(host), [{ guest: "win11", result: "recovered", text: "1 steps were taken back" }]);
    assertEquals([host.pci.at(NIC).override, await results(host)], [null, []]);
  });

  Deno.test(`a journal that is ${state} is left alone while its QEMU runs`, async () => {
    const host = await left({ state });
    qemu(host, uuidOf("win11").toUpperCase());
    assertEquals(await results(host), [{ guest: "win11", result: "left", text: "it is running" }]);
    assertEquals(host.pci.at(NIC).override, "vfio-pci");
  });

  const starting = state === "applying" || state === "applied";
  Deno.test(`a journal that is ${state} while its libvirt lives is ${starting ? "left alone" : "taken back"}`, async () => {
    const host = hostOf();
    host.pci.at(NIC).override = "vfio-pci";
    await withJournals(host, journalOf("win11", [OVERRIDE], { state, daemon: libvirtd(host) }));
    const [found] = await results(host);
    assertEquals(found!.result, starting ? "left" : "recovered");
    if (starting) assertMatch(found!.text, /^libvirt \(pid \d+\) is starting it/);
  });
}

Deno.test("a guest that libvirt has not released yet is left to libvirt, and taken back once no libvirt runs", async () => {
  const host = await left({ state: "running" });
  host.tree.file("/run/libvirt/qemu/win11.xml", "<domstatus/>");
  const daemon = host.processes.spawn({ comm: "virtqemud", args: ["/usr/sbin/virtqemud"] });
  const [first] = await results(host);
  assertEquals([first!.result, host.pci.at(NIC).override], ["left", "vfio-pci"]);
  assertMatch(first!.text, /^libvirt has not released it yet/);
  host.processes.kill(daemon.pid);
  assertEquals((await results(host)).map(({ result }) => result), ["recovered"]);
});

Deno.test("a guest that was released is taken back though its libvirt lives", async () => {
  const host = hostOf();
  await withJournals(host, journalOf("win11", [OVERRIDE], { state: "applied", daemon: libvirtd(host) }));
  host.tree.file(releasedPath(uuidOf("win11")), "");
  assertEquals((await results(host)).map(({ result }) => result), ["recovered"]);
  const files = Object.keys(host.tree.texts(JOURNALS));
  assertEquals(files, [`${JOURNALS}/${uuidOf("win11")}.lock`], "the note goes with the journal");
});

Deno.test("a release that begins as a recovery ends leaves no note of itself behind", async () => {
  const host = await left();
  const xml = guestXml({ name: "win11", pci: [NIC] });
  const args = ["win11", "release", "end", "crashed"];
  const program = "/etc/libvirt/hooks/virt-aid/release-end";
  const { code } = await host.start(async (system) => {
    const { save } = system;
    system.save = (path, text) => {
      // another process: its last write comes between our look at the journal and our note
      if (path === releasedPath(uuidOf("win11"))) removeJournal(system, uuidOf("win11"));
      save.call(system, path, text);
    };
    return await releaseEnd(system, args);
  }, { program, args, stdin: xml }).ended;
  assertEquals([code, releasedPath(uuidOf("win11")) in host.tree.texts(JOURNALS)], [0, false]);
});

Deno.test("what hung is taken back once nobody sits in the kernel any more", async () => {
  const host = await left({ state: "failed", entries: [{ ...OVERRIDE, state: "hung" }] });
  assertEquals((await results(host)).map(({ result }) => result), ["recovered"]);
  assertEquals(host.pci.at(NIC).override, null);
});

Deno.test("a damaged journal of a guest that runs stays, and is a failure for as long as it lies aside later", async () => {
  const host = hostOf();
  host.tree.file(`${JOURNALS}/${uuidOf("win11")}.json`, "{");
  qemu(host, uuidOf("win11"));
  assertEquals((await results(host)).map(({ result }) => result), ["left"]);
  for (const [pid, { spec }] of host.processes.all) if (spec.comm.startsWith("qemu")) host.processes.kill(pid);
  for (let again = 0; again < 2; again++) assertEquals((await results(host)).map(({ result }) => result), ["failed"]);
});

Deno.test("a pid that another process has by now is no libvirt", async () => {
  const host = hostOf();
  const daemon = libvirtd(host);
  await withJournals(host, journalOf("win11", [OVERRIDE], { state: "applied", daemon: { ...daemon, start: "1" } }));
  assertEquals((await results(host)).map(({ result }) => result), ["recovered"]);
});

Deno.test("a QEMU of another guest keeps nothing from being taken back", async () => {
  const host = await left({ state: "running" });
  qemu(host, uuidOf("linux"));
  assertEquals((await results(host)).map(({ result }) => result), ["recovered"]);
});

Deno.test("only the guest that is named", async () => {
  const host = await left();
  await withJournals(host, journalOf("linux"));
  assertEquals((await results(host, "linux")).map(({ guest }) => guest), ["linux"]);
  assertEquals(await on(host, (system) => readJournals(system).journals.map(({ guest }) => guest.name)), ["win11"]);
  assertEquals(await results(host, "nobody"), []);
});

Deno.test("one that fails keeps no other from being taken back, and its text is for people", async () => {
  const host = await left();
  host.fault({ name: "clear-fails" });
  await withJournals(host, journalOf("linux"));
  const found = await results(host);
  assertEquals(found.map(({ guest, result }) => `${guest} ${result}`).sort(), ["linux recovered", "win11 failed"]);
  assertMatch(found.find(({ result }) => result === "failed")!.text, /^virt-aid: win11: reserve .+\nhint: .+\n$/);
  assertEquals(host.locks.holders(), []);
});

Deno.test("a journal that cannot be read is a failure that is said", async () => {
  const host = await left();
  host.tree.file("/run/virt-aid/guests/0.json", "{");
  const [first, second] = await results(host);
  assertEquals([first!.result, second!.result, second!.guest], ["recovered", "failed", "0"]);
  assertMatch(second!.text, /was set aside/);
});

Deno.test("a guest whose lock another program has is a failure, and the others are taken back", async () => {
  const host = await left();
  await withJournals(host, journalOf("linux"));
  const path = `/run/virt-aid/guests/${uuidOf("win11")}.lock`;
  const holder = host.start(async (system) => {
    await system.lock(path, 0);
    await system.until(() => false, 600_000);
    return 0;
  }, { program: "/usr/bin/flock" });
  const found = await on(host, async (system) => {
    await system.until(() => host.locks.holders().includes(holder.pid), 1_000);
    return await recover(system);
  });
  assertEquals(found.map(({ guest, result }) => `${guest} ${result}`).sort(), ["linux recovered", "win11 failed"]);
});

Deno.test("one that ends while its lock is waited for is left", async () => {
  const host = await left();
  const uuid = uuidOf("win11");
  const release = host.start(async (system) => {
    await system.lock(`/run/virt-aid/guests/${uuid}.lock`, 0);
    await system.until(() => false, 1_000);
    system.remove(`/run/virt-aid/guests/${uuid}.json`);
    return 0;
  }, { program: "/etc/libvirt/hooks/virt-aid/release-end" });
  const found = await on(host, async (system) => {
    await system.until(() => host.locks.holders().includes(release.pid), 1_000);
    return await recover(system);
  });
  assertEquals(found, [{ guest: "win11", result: "left", text: "it has just ended" }]);
});

Deno.test("the daemon of a phase is the parent of its parent, with its start time", async () => {
  const host = hostOf();
  const daemon = libvirtd(host);
  const dispatcher = host.processes.spawn({ comm: "qemu", args: ["/etc/libvirt/hooks/qemu"], parent: daemon.pid });
  const found = Promise.withResolvers<unknown>();
  const main = (parent: number) =>
    host.start((system) => {
      found.resolve(daemonOf(system));
      return Promise.resolve(0);
    }, { program: "/usr/bin/test", parent }).ended;
  await main(dispatcher.pid);
  assertEquals(await found.promise, daemon);
  assert(daemon.pid > 0);
  assertEquals(await on(host, daemonOf), undefined, "init has no parent");
});
