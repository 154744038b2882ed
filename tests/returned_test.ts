import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { AidError } from "../lib/errors.ts";
import { JOURNALS, RETURNED } from "../lib/journal.ts";
import { untilNoneStarts } from "../lib/returned.ts";
import { hostOf, on } from "./on-host.ts";
import { withDesktop } from "./simulated/desktops.ts";
import { singleGpu } from "./simulated/gpu-machines.ts";
import { guestXml } from "./simulated/guests.ts";
import type { Main } from "./simulated/process.ts";
import { World } from "./scenarios/world.ts";

const GUEST = guestXml({ name: "win11", pci: ["0000:03:00.0", "0000:03:00.1"] });
/** So many starts of a unit systemd allows within its time; the next one fails. */
const STARTS = 5;

/** A guest has had the only card of GNOME and ends; the display manager crashes as soon as it is there, so many times. */
async function returned(crashes: number): Promise<{ world: World; state: () => string }> {
  const world = new World(withDesktop(singleGpu, "gnome", "0000:03:00.0"));
  const { host } = world;
  const gdm = host.systemd.unit("gdm.service")!;
  assertEquals((await world.libvirt.start(GUEST)).state, "running");
  await world.libvirt.stop("win11");
  assertEquals([gdm.state, host.tree.texts(RETURNED)[RETURNED] ?? "gdm.service\n"], ["active", "gdm.service\n"]);
  const crash: Main = async (system) => {
    for (let n = 0; n < crashes; n++) {
      if (!await system.until(() => gdm.state === "active" && gdm.main !== undefined, 60_000, 10)) return 1;
      host.processes.signal(gdm.main!.pid, "KILL");
    }
    return 0;
  };
  host.start(crash, { program: "/usr/bin/crash" });
  await world.settled();
  return { world, state: () => gdm.state };
}

Deno.test("returned: a display manager that stays up is watched, and nothing is done", async () => {
  const { world, state } = await returned(0);
  assertEquals([state(), world.host.tree.find(RETURNED), world.log.includes("started once more")], [
    "active",
    undefined,
    false,
  ]);
});

Deno.test("returned: one that systemd has given up is started once more", async () => {
  const { world, state } = await returned(STARTS);
  assertEquals([state(), world.host.harms], ["active", []], world.log);
  assertStringIncludes(world.log, "it has ended in its first seconds, and is started once more");
});

Deno.test("returned: one that ends again is said to, with what to look at", async () => {
  const { world, state } = await returned(STARTS * 2);
  assertEquals(state(), "failed", world.log);
  assertStringIncludes(world.log, "gdm.service has ended again in its first seconds");
});

Deno.test("returned: it is left alone when a guest takes the card once more, and while the host goes down", async () => {
  const world = new World(withDesktop(singleGpu, "gnome", "0000:03:00.0"));
  assertEquals((await world.libvirt.start(GUEST)).state, "running");
  await world.libvirt.stop("win11");
  assertEquals((await world.libvirt.start(GUEST)).state, "running", world.log);
  await world.settled();
  assertEquals(world.host.systemd.unit("gdm.service")!.state, "inactive");
  await world.libvirt.stop("win11");
  world.host.systemd.state = "stopping";
  world.host.systemd.unit("gdm.service")!.stop();
  await world.settled();
  assertEquals([world.host.systemd.unit("gdm.service")!.state, world.log.includes("once more")], ["inactive", false]);
});

Deno.test("returned: of two recoveries one watches, and one for a guest that has nothing leaves the note to others", async () => {
  const world = new World(withDesktop(singleGpu, "gnome", "0000:03:00.0"));
  const note = { service: "gdm.service", cards: ["0000:03:00.0"], at: Date.UTC(2026, 0, 2, 3, 4, 5) };
  world.host.tree.file(RETURNED, JSON.stringify(note));
  assertEquals((await world.run("virt-aid", ["recover", "win11"])).code, 1);
  const both = await Promise.all([world.run("virt-aid", ["recover"]), world.run("virt-aid", ["recover"])]);
  assertEquals(both.filter(({ stdout }) => stdout.includes("its first seconds are watched")).length, 1);
  assertEquals(Object.keys(world.host.tree.texts(JOURNALS)), []);
});

Deno.test("returned: a start waits for a desktop that is just being started, but not for ever", async () => {
  const host = hostOf();
  await on(host, async (system) => {
    await untilNoneStarts(system);
    assert(system.now() < 50);
  });
  const watch = host.start(async (system) => {
    await system.lock(`${RETURNED}.lock`, 0);
    await system.until(() => false, 60_000);
    return 0;
  }, { program: "/etc/libvirt/hooks/virt-aid/virt-aid" });
  await on(host, async (system) => {
    await system.until(() => host.locks.holders().includes(watch.pid), 1_000);
    const error = await assertRejects(() => untilNoneStarts(system), AidError, "a desktop is being started");
    assertStringIncludes(error.hint!, "try again");
    host.processes.kill(watch.pid);
    await untilNoneStarts(system);
    assertEquals(host.locks.holders(), []);
  });
});
