/**
 * A desktop that is to be there while a guest has one of the host's cards: on the card that is left, if one is.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { initOf } from "../../lib/host/inits/mod.ts";
import { ensureViews } from "../../lib/views.ts";
import { on } from "../on-host.ts";
import { withDesktop } from "../simulated/desktops.ts";
import type { Fault } from "../simulated/faults.ts";
import { hybrid } from "../simulated/gpu-machines.ts";
import { guestXml } from "../simulated/guests.ts";
import { OTHER_INITS, serviceOf, withInit } from "../simulated/inits.ts";
import { SimulatedLibvirt } from "../simulated/libvirt.ts";
import type { FunctionSpec, Machine } from "../simulated/machine.ts";
import { World } from "./world.ts";

const [FIRST, SECOND, NIC] = ["0000:03:00.0", "0000:00:02.0", "0000:05:00.0"] as const;
/** A guest that takes the first card. */
const A = guestXml({ name: "a", pci: [FIRST, "0000:03:00.1"] });
/** A guest that takes the second one. */
const B = guestXml({ name: "b", pci: [SECOND] });

/** A world where the display manager is to start again. */
function restarting(machine: Machine, faults: readonly Fault[] = []): World {
  const world = new World(machine, faults);
  world.host.tree.file("/etc/virt-aid/config.xml", "<virt-aid><desktop restart='yes'/></virt-aid>");
  return world;
}
/** A machine with a function changed. */
const changed = (machine: Machine, address: string, more: Partial<FunctionSpec>): Machine => ({
  ...machine,
  functions: machine.functions.map((fn) => fn.address === address ? { ...fn, ...more } : fn),
});
const manager = ({ host }: World, name = "gdm") => host.systemd.unit(`${name}.service`)!.state;
/** Programs that have a node of a card open. */
const users = ({ host }: World, card: string) =>
  host.pci.users(host.pci.at(card)).map((pid) => host.processes.all.get(pid)!.spec.comm);
/** How often a service was told to start, or to stop. */
const told = ({ host }: World, what: string) => host.operations.filter(({ subject }) => subject === what).length;
/** Ends a guest, and what goes on after that. */
async function end(world: World, name: string): Promise<void> {
  await world.libvirt.stop(name);
  await world.settled();
}

for (
  const [what, more] of [
    ["on vfio-pci since boot", { driver: "vfio-pci", override: "vfio-pci" }],
    ["without a driver", { driver: undefined }],
  ] as const
) {
  Deno.test(`restart='yes', the other card is ${what}: there is nothing to start the desktop on`, async () => {
    const machine = changed(hybrid, SECOND, { ...more, bootVga: false, firmware: undefined });
    const world = restarting(withDesktop(machine, "gnome", FIRST));
    const started = await world.libvirt.start(A);
    assertEquals([started.state, manager(world)], ["running", "inactive"], started.says);
    assertEquals([told(world, "start gdm.service"), world.log.includes("without the card")], [0, false]);
    await end(world, "a");
    assertEquals([manager(world), world.journals], ["active", []], world.log);
  });
}

for (const order of [["a", "b"], ["b", "a"]] as const) {
  Deno.test(`restart='yes', then the other card goes too: the desktop waits for one, ${order.join(" before ")}`, async () => {
    const world = restarting(withDesktop(hybrid, "gnome", FIRST, SECOND));
    const a = await world.libvirt.start(A);
    assertEquals([a.state, manager(world)], ["running", "active"], a.says);
    const b = await world.libvirt.start(B);
    assertEquals([b.state, manager(world)], ["running", "inactive"], b.says);
    await end(world, order[0]);
    assertEquals(
      manager(world),
      order[0] === "b" ? "active" : "inactive",
      "on the card that a has left it, or on none",
    );
    await end(world, order[1]);
    assertEquals([manager(world), world.journals, world.host.harms], ["active", [], []], world.log);
  });
}

for (const fault of ["unit-start-fails", "unit-start-ignored"]) {
  Deno.test(`restart='yes', ${fault}: the guest runs without a desktop beside it, which is said, and comes back`, async () => {
    const world = restarting(withDesktop(hybrid, "gnome", FIRST, SECOND), [{ name: fault, at: 1 }]);
    const started = await world.libvirt.start(A);
    assertEquals([started.state, started.says, manager(world)], ["running", "", "inactive"]);
    assertStringIncludes(world.log, "\tWARN\t");
    assertStringIncludes(world.log, "systemctl");
    await end(world, "a");
    assertEquals([manager(world), world.journals], ["active", []], world.log);
    assert(users(world, SECOND).includes("gnome-shell"), "the login screen");
  });
}

/** A machine that is booting: SDDM is on its way, and nobody was logged in yet. */
function booting(state: "activating" | "queued"): Machine {
  const { units = [], sessions = [], ...rest } = withDesktop(hybrid, "kde", FIRST, SECOND);
  const own = units.filter(({ name }) => name === "sddm.service");
  return {
    ...rest,
    units: own.map((unit) => ({ ...unit, state, startsAfter: 3_000 })),
    sessions: sessions.filter(({ later }) => later),
  };
}

for (const state of ["activating", "queued"] as const) {
  for (const [xml, left] of [[A, SECOND], [B, FIRST]] as const) {
    for (const restart of ["no", "yes"]) {
      Deno.test(`${state} at boot, restart='${restart}': it comes up on ${left}, and stays when the guest ends`, async () => {
        const world = new World(booting(state));
        world.host.tree.file("/etc/virt-aid/config.xml", `<virt-aid><desktop restart='${restart}'/></virt-aid>`);
        const started = await world.libvirt.start(xml);
        assertEquals([started.state, manager(world, "sddm")], ["running", "active"], started.says + world.log);
        assert(users(world, left).includes("kwin_wayland"), "the login screen");
        const { pid } = world.host.systemd.unit("sddm.service")!.main!;
        await end(world, xml === A ? "a" : "b");
        const count = [told(world, "stop sddm.service"), told(world, "start sddm.service")];
        assertEquals([world.host.systemd.unit("sddm.service")!.main?.pid, count], [pid, [1, 1]], world.log);
        assertEquals([world.journals, world.host.harms], [[], []]);
      });
    }
  }
}

Deno.test("starting on the only card: it goes, and comes back with the card", async () => {
  const machine = changed(booting("queued"), SECOND, { driver: undefined, bootVga: false, firmware: undefined });
  const world = new World(machine);
  const started = await world.libvirt.start(A);
  assertEquals([started.state, manager(world, "sddm")], ["running", "inactive"], started.says);
  await end(world, "a");
  assertEquals([manager(world, "sddm"), world.journals], ["active", []], world.log);
});

Deno.test("starting, and the guest's card is on no driver: nobody can open it, and nothing is stopped", async () => {
  const world = new World(changed(booting("activating"), FIRST, { driver: undefined }));
  const started = await world.libvirt.start(A);
  assertEquals([started.state, told(world, "stop sddm.service")], ["running", 0], started.says);
});

Deno.test("starting again after it has failed: a session on the other card goes on", async () => {
  const { units = [], ...rest } = withDesktop(hybrid, "kde", SECOND);
  const late = { state: "queued", startsAfter: 1_000 } as const;
  const world = new World({
    ...rest,
    units: units.map((one) => one.name === "sddm.service" ? { ...one, ...late } : one),
  });
  const [ann] = world.host.logind.sessions.values();
  const started = await world.libvirt.start(A);
  assertEquals([started.state, manager(world, "sddm")], ["running", "active"], started.says);
  assertEquals([...world.host.logind.sessions.values()].includes(ann!), true, world.log);
  assertEquals(world.host.systemd.unit("wireplumber.service", 1000)!.state, "active");
});

Deno.test("two guests at boot take a card each, so much after each other: no card is left, until one is back", async () => {
  const wrong: string[] = [];
  for (let delay = 0; delay <= 4_000; delay += 100) {
    for (const last of ["a", "b"]) {
      const world = new World(booting("activating"));
      const other = new SimulatedLibvirt(world.host);
      const first = world.libvirt.start(A);
      const waits = world.host.start(async (system) => await system.until(() => false, delay) ? 1 : 0, {
        program: "/usr/bin/wait",
      });
      await waits.ended;
      const [a, b] = await Promise.all([first, other.start(B)]);
      const states = [a.state, b.state, manager(world, "sddm")].join();
      if (states !== "running,running,inactive") wrong.push(`+${delay}: ${states} ${a.says} ${b.says}`);
      if (last === "b") await world.libvirt.stop("a");
      if (b.state === "running") await other.stop("b");
      if (last === "a") await world.libvirt.stop("a");
      await world.settled();
      const at = [manager(world, "sddm"), ...world.journals, ...world.host.harms].join();
      if (at !== "active") wrong.push(`+${delay}, ${last} last: at the end ${at}`);
    }
  }
  assertEquals(wrong, []);
});

for (const init of OTHER_INITS) {
  Deno.test(`${init}: starting at boot, it comes up on the card that is left, and stays when the guest ends`, async () => {
    const machine = withInit(hybrid, init, "lightdm", FIRST, SECOND);
    const name = serviceOf(init, "lightdm");
    const services = machine.services!.map((one) =>
      one.name === name ? { ...one, state: "down" as const, startsAfter: 3_000 } : one
    );
    const world = new World({ ...machine, services, sessions: machine.sessions!.filter(({ later }) => later) });
    const service = world.host.services.get(name)!;
    await on(world.host, async (system) => {
      await ensureViews(system);
      await initOf(system)!.order(system, "start", name, 100).catch(() => {}); // it takes longer than that
    });
    service.counted = true; // one that starts over: s6-rc says nothing of one that starts for the first time
    const started = await world.libvirt.start(A);
    assertEquals([started.state, service.state], ["running", "up"], started.says + world.log);
    assert(users(world, SECOND).includes("Xorg"), "the login screen");
    const pid = service.main?.pid;
    await end(world, "a");
    assertEquals([service.main?.pid, world.journals, world.host.harms], [pid, [], []], world.log);
  });
}

/** A guest that takes a network card that nothing goes through. */
const NETWORK = guestXml({ name: "c", pci: [NIC] });

for (const init of ["systemd", ...OTHER_INITS] as const) {
  Deno.test(`${init}: a service of the config is stopped for a guest without a graphics card too`, async () => {
    const processes = [{ comm: "ollama", args: ["/usr/bin/ollama"], uid: 0 }];
    const own = { name: init === "systemd" ? "ollama.service" : "ollama", processes };
    const plain = { ...hybrid, routes: [] };
    const machine = init === "systemd" ? { ...plain, units: [own] } : withInit(plain, init, "lightdm", FIRST);
    const world = new World(init === "systemd" ? machine : { ...machine, services: [...machine.services!, own] });
    world.host.tree.file("/etc/virt-aid/config.xml", "<virt-aid><service name='ollama'/></virt-aid>");
    const runs = () => [...world.host.processes.all.values()].some(({ spec }) => spec.comm === "ollama");
    const started = await world.libvirt.start(NETWORK);
    assertEquals([started.state, runs()], ["running", false], started.says);
    assertEquals(world.log.includes("keep the host awake"), false, "no graphics card");
    await end(world, "c");
    assertEquals([runs(), world.journals], [true, []], world.log);
  });
}

Deno.test("a guest without a graphics card and without services asks neither systemd nor logind", async () => {
  const world = new World({ ...withDesktop(hybrid, "gnome", FIRST), routes: [] });
  for (const program of ["/usr/bin/systemctl", "/usr/bin/loginctl"]) world.host.commands.delete(program);
  assertEquals((await world.libvirt.start(NETWORK)).state, "running");
});
