// A recovery beside starts and ends that libvirt asks for meanwhile.

import { assertEquals } from "@std/assert";
import { lockGuest, PATIENCE_MS } from "../../lib/guest-lock.ts";
import {
  type Entry,
  INTERRUPTED,
  journalPath,
  JOURNALS,
  readJournal,
  releasedPath,
  RETURNED,
} from "../../lib/journal.ts";
import { virtAid } from "../../lib/cli/mod.ts";
import { prepareBegin } from "../../lib/phases/prepare.ts";
import { GPU, hostOf, journalOf, NIC, on, withJournals } from "../on-host.ts";
import { withDesktop } from "../simulated/desktops.ts";
import { singleGpu } from "../simulated/gpu-machines.ts";
import { guestXml, uuidOf } from "../simulated/guests.ts";
import type { Result } from "../simulated/libvirt.ts";
import type { Machine } from "../simulated/machine.ts";
import { workstation } from "../simulated/machines.ts";
import type { Main } from "../simulated/process.ts";
import { World } from "./world.ts";

const PROGRAMS = "/etc/libvirt/hooks/virt-aid";
/** Two guests; a recovery comes to the first one first. */
const [FIRST, SECOND] = ["alpha", "beta"].sort((a, b) => uuidOf(a) < uuidOf(b) ? -1 : 1) as [string, string];

/** What takes 4 s: a monitor that does not wake up. */
const SLOW: Entry = {
  step: { kind: "remember-display", address: GPU },
  before: { already: false, connected: "DP-9" },
  state: "done",
};
const OVERRIDE: Entry = {
  step: { kind: "set-override", address: NIC, driver: "vfio-pci" },
  before: { already: false, override: null },
  state: "done",
};

/** A machine whose second sysfs and proc are mounted. */
function worldOf(machine: Machine): World {
  const world = new World(machine);
  world.host.mounted.add("sysfs").add("proc");
  return world;
}

/** Does something beside our programs, to its end. */
async function beside(world: World, main: Main): Promise<void> {
  assertEquals((await world.host.start(main, { program: "/usr/bin/beside" }).ended).code, 0);
}

/** Waits until a recovery is at a guest. */
const atGuest = (world: World) =>
  beside(world, async (system) => await system.until(() => world.host.locks.holders().length > 0, 5_000) ? 0 : 1);

Deno.test("a start that gets a dead release's lock does not run beside the recovery that has gone on after it", async () => {
  const silent = "0000:03:00.0";
  const processes = [{ comm: "slow", args: ["/usr/bin/slow"] }];
  const slow = { name: "slow.service", state: "inactive", startsAfter: 20_000, processes } as const;
  const world = worldOf({ ...workstation, units: [...workstation.units ?? [], slow] });
  const { host } = world;
  const uuid = uuidOf("win11");
  host.pci.at(NIC).override = "vfio-pci";
  const stop = { kind: "stop-service", service: "slow.service", back: true, limitMs: 1_000 } as const;
  const entries: Entry[] = [
    OVERRIDE,
    { step: stop, before: { already: false }, state: "done" },
    { step: { kind: "verify", address: silent, driver: "vfio-pci" }, before: { already: false }, state: "undoing" },
  ];
  await withJournals(host, journalOf("win11", entries, { claims: [NIC], state: "undoing" }));
  const release = host.start(async (system) => {
    await lockGuest(system, uuid, PATIENCE_MS);
    host.pci.at(silent).stuck = true;
    system.read(`/sys/bus/pci/devices/${silent}/driver_override`);
    return 0;
  }, { program: `${PROGRAMS}/release-end` });
  assertEquals((await release.ended).ended, "stuck");
  const recovery = world.run("virt-aid", ["recover"]);
  await beside(world, async (system) => {
    // the recovery has told the service to start, and waits for it
    const waits = () => host.systemd.unit("slow.service")!.state === "activating";
    if (!await system.until(waits, 90_000)) return 1;
    host.pci.at(silent).stuck = false;
    host.processes.settle();
    return host.processes.all.has(release.pid) ? 1 : 0;
  });
  const started = await world.libvirt.start(guestXml({ name: "win11", pci: [{ address: NIC, managed: false }] }));
  await recovery;
  const running = (await on(host, (system) => readJournal(system, uuid)))?.state;
  assertEquals([started.state, running, host.pci.at(NIC).override], ["running", "running", "vfio-pci"], world.log);
  await world.libvirt.stop("win11");
  await world.settled();
  assertEquals([host.pci.at(NIC).driver, world.journals], ["e1000e", []], world.log);
});

for (const how of ["start", "release"] as const) {
  Deno.test(`a recovery that is killed at one guest by its ${how} is not the end of the recovery of the others`, async () => {
    const world = worldOf(workstation);
    world.host.pci.at(NIC).override = "vfio-pci";
    const gone = { state: "applied", daemon: { pid: 9_999, start: "1" } } as const;
    await withJournals(
      world.host,
      journalOf(FIRST, [SLOW], { claims: [GPU], ...gone }),
      journalOf(SECOND, [OVERRIDE], { claims: [NIC], ...gone }),
    );
    await world.libvirt.restart(); // the daemon hook starts the recovery
    await atGuest(world);
    const xml = guestXml({ name: FIRST, pci: [GPU] });
    if (how === "start") assertEquals((await world.libvirt.start(xml)).state, "running", world.log);
    else await world.run("qemu", [FIRST, "release", "end", "crashed"], xml);
    await world.settled();
    const left = world.journals.filter((path) => path.includes(uuidOf(SECOND)));
    const noted = INTERRUPTED in world.host.tree.texts(JOURNALS);
    assertEquals([world.host.pci.at(NIC).override, left, noted], [null, [], false], world.log);
  });
}

Deno.test("a recovery that comes late to a guest lets a start of it go on that has begun meanwhile", async () => {
  const world = worldOf(workstation);
  await withJournals(
    world.host,
    journalOf(FIRST, [SLOW], { claims: [GPU], state: "failed" }),
    journalOf(SECOND, [], { claims: [NIC], state: "failed" }),
  );
  world.host.programs.set(`${PROGRAMS}/prepare-begin`, (system, args) => {
    const { run } = system;
    let slow = 0;
    // less than the 30 s that a start has for its steps
    system.run = async (command) => {
      if (command.program.endsWith("/modprobe") && slow++ === 0) await system.until(() => false, 22_000);
      return await run.call(system, command);
    };
    return prepareBegin(system, args);
  });
  const recovery = world.run("virt-aid", ["recover"]);
  await atGuest(world);
  const started = await world.libvirt.start(guestXml({ name: SECOND, pci: [NIC] }));
  await recovery;
  await world.settled();
  assertEquals(
    [started.state, world.host.pci.at(NIC).driver],
    ["running", "vfio-pci"],
    `${started.says}\n${world.log}`,
  );
});

Deno.test("a recovery that is killed between the removals of the journal and of the note leaves nothing for ever", async () => {
  const host = hostOf();
  const uuid = uuidOf("win11");
  await withJournals(host, journalOf("win11", [], { state: "failed" }));
  host.tree.file(releasedPath(uuid), "");
  const start = { program: `${PROGRAMS}/virt-aid`, args: ["recover"] };
  const killed = await host.start(async (system, args) => {
    const { remove } = system;
    system.remove = (path) => {
      remove.call(system, path);
      if (path === journalPath(uuid)) host.processes.kill(system.pid);
    };
    return await virtAid(system, args);
  }, start).ended;
  assertEquals(killed.ended, "killed");
  await host.start(virtAid, start).ended;
  assertEquals(Object.keys(host.tree.texts(JOURNALS)).filter((path) => !path.endsWith(".lock")), []);
});

Deno.test("a note about a desktop that nobody has watched in time is removed, and starts one recovery and no more", async () => {
  const world = worldOf(workstation);
  // left by a recovery that was killed between the note and its watch
  const note = { service: "gdm.service", cards: [], at: Date.UTC(2026, 0, 2, 3, 2, 0) };
  world.host.tree.file(RETURNED, JSON.stringify(note));
  for (let time = 0; time < 3; time++) {
    await world.libvirt.start(guestXml({ name: "no-devices" }));
    await world.libvirt.stop("no-devices");
    await world.settled();
  }
  assertEquals(world.host.tree.texts(JOURNALS)[RETURNED], undefined);
  assertEquals(world.log.split("recovery started").length - 1, 1, world.log);
});

Deno.test("the watch over a returned desktop does not start it into the hand-over of its card", async () => {
  const card = "0000:03:00.0";
  const world = worldOf(withDesktop(singleGpu, "gnome", card));
  const gdm = world.host.systemd.unit("gdm.service")!;
  await beside(world, async (system) => {
    gdm.stop(); // it has ended in its first seconds, and its user's session with it
    await system.run({ program: "/usr/bin/loginctl", args: ["terminate-session", "--", "2"], timeoutMs: 5_000 });
    const stays = () => [...world.host.processes.all.values()].some(({ spec }) => spec.comm === "gnome-shell");
    return await system.until(() => gdm.state === "inactive" && !stays(), 30_000) ? 0 : 1;
  });
  let started: Promise<Result> | undefined;
  const { ended } = world.host.start(async (system, args) => {
    system.makeFolder(JOURNALS);
    system.save(RETURNED, JSON.stringify({ service: "gdm.service", cards: [card], at: system.date().getTime() }));
    const { run } = system;
    system.run = async (command) => {
      // the watch has seen no claim; a start looks at the host now, sees no desktop, and claims the card
      if (command.args.includes("reset-failed") && !started) {
        started = world.libvirt.start(guestXml({ name: "win11", pci: [card, "0000:03:00.1"] }));
        await system.until(() => world.journals.length > 0, 30_000, 1);
      }
      return await run.call(system, command);
    };
    return await virtAid(system, args);
  }, { program: `${PROGRAMS}/virt-aid`, args: ["recover"] });
  assertEquals((await ended).code, 0);
  const { state, says } = await started!;
  assertEquals([state, gdm.state, world.host.harms], ["running", "inactive", []], `${says}\n${world.log}`);
  const [down, ...changes] = ["is stopped again", "unbind 0000:03", "set power"].map((what) => world.log.indexOf(what));
  assertEquals(down! > 0 && changes.every((change) => change > down!), true, world.log);
});
