/**
 * A guest takes the card of a desktop and gives it back: each desktop on each machine, with whole programs.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { type DesktopName, withDesktop } from "../simulated/desktops.ts";
import { hybrid, hybridNvidia, singleGpu, singleNvidia } from "../simulated/gpu-machines.ts";
import { guestXml } from "../simulated/guests.ts";
import type { Machine } from "../simulated/machine.ts";
import { snapshot } from "../simulated/snapshot.ts";
import { World } from "./world.ts";

/** Machines, the card that the guest takes, and its sound. */
const MACHINES: readonly (readonly [machine: Machine, card: string])[] = [
  [singleGpu, "0000:03:00.0"],
  [singleNvidia, "0000:01:00.0"],
  [hybrid, "0000:03:00.0"],
  [hybridNvidia, "0000:01:00.0"],
];
const DESKTOPS: readonly DesktopName[] = ["gnome", "kde", "sway", "startx", "plain"];

/** What has to be as before: all but processes, whose ids are new, and who was logged in. */
function state(world: World) {
  const { functions, modules, consoles, units, harms } = snapshot(world.host);
  const system = Object.entries(units).filter(([label]) => !/\/|^user@/.test(label));
  const ours = (module: string) => !module.startsWith("vfio");
  return { functions, modules: modules.filter(ours), consoles, units: Object.fromEntries(system), harms };
}

/** Programs that have a node of the card open. */
function users(world: World, card: string): string[] {
  const fn = world.host.pci.at(card);
  return world.host.pci.users(fn).map((pid) => world.host.processes.all.get(pid)!.spec.comm);
}

for (const [machine, card] of MACHINES) {
  for (const desktop of DESKTOPS) {
    Deno.test(`${desktop} on ${machine.name}: the guest gets the card, twice, and everything comes back`, async () => {
      const world = new World(withDesktop(machine, desktop, card));
      const before = state(world);
      const xml = guestXml({ name: "win11", pci: [card, card.replace(/0$/, "1")] });
      for (let time = 1; time <= 2; time++) {
        const started = await world.libvirt.start(xml);
        assertEquals(started.state, "running", `${started.says}\n${world.log}`);
        assertEquals(world.host.pci.at(card).driver, "vfio-pci");
        assertEquals(world.host.harms, []);
        await world.libvirt.stop("win11");
        await world.settled();
        // vfio-pci takes the firmware's frame buffer away for good, and NVIDIA's driver has none of its own
        const dark = machine === singleNvidia;
        assertEquals({ ...state(world), ...dark ? { consoles: before.consoles } : {} }, before, world.log);
        assertEquals(world.log.includes("it stays dark until the next boot"), dark);
        assertEquals(world.journals, []);
      }
    });
  }
}

Deno.test("what a user's manager runs beside the session comes back where the manager outlives that", async () => {
  const gnome = withDesktop(singleGpu, "gnome", "0000:03:00.0");
  const open = ["/dev/dri/renderD128"];
  const own = { name: "sunshine.service", user: 1000, processes: [{ comm: "sunshine", args: ["sunshine"], open }] };
  const world = new World({ ...gnome, linger: [1000], units: [...gnome.units!, own] });
  const units = ["sunshine.service", "pipewire.socket", "pipewire.service", "wireplumber.service"];
  const states = () => units.map((name) => world.host.systemd.unit(name, 1000)!.state);
  const started = await world.libvirt.start(guestXml({ name: "win11", pci: ["0000:03:00.0", "0000:03:00.1"] }));
  assertEquals([started.state, ...states()], ["running", ...units.map(() => "inactive")], started.says);
  await world.libvirt.stop("win11");
  await world.settled();
  assertEquals(states(), units.map(() => "active"), world.log);
});

Deno.test("a desktop on the processor's graphics stays when a guest takes the other card", async () => {
  const world = new World(withDesktop(hybrid, "kde", "0000:00:02.0"));
  const before = snapshot(world.host).sessions;
  const started = await world.libvirt.start(guestXml({ name: "win11", pci: ["0000:03:00.0", "0000:03:00.1"] }));
  assertEquals([started.state, snapshot(world.host).sessions], ["running", before], started.says);
});

Deno.test("a stranger on the card refuses the start, and the desktop is untouched", async () => {
  const world = new World(withDesktop(singleGpu, "gnome", "0000:03:00.0"));
  const open = ["/dev/dri/renderD128"];
  const cgroup = "/system.slice/ollama.service";
  world.host.processes.spawn({ pid: 812, comm: "ollama", args: ["/usr/bin/ollama"], uid: 999, open, cgroup });
  const before = snapshot(world.host);
  const started = await world.libvirt.start(guestXml({ name: "win11", pci: ["0000:03:00.0", "0000:03:00.1"] }));
  assertEquals(started.state, "shut off");
  assertStringIncludes(started.says, "0000:03:00.0 is held by ollama (pid 812, user 999) through /dev/dri/renderD128");
  const { sessions, units, functions } = snapshot(world.host);
  assertEquals({ sessions, units, functions }, {
    sessions: before.sessions,
    units: before.units,
    functions: before.functions,
  });
});

Deno.test("QEMU that does not start brings the desktop back by itself", async () => {
  const world = new World(withDesktop(singleGpu, "gnome", "0000:03:00.0"), [{ name: "qemu-fails" }]);
  const before = state(world);
  const started = await world.libvirt.start(guestXml({ name: "win11", pci: ["0000:03:00.0", "0000:03:00.1"] }));
  await world.settled();
  assertEquals([started.state, state(world)], ["shut off", before]);
  assertEquals(users(world, "0000:03:00.0").includes("gnome-shell"), true, "the login screen");
});

const [FIRST, SECOND] = ["0000:03:00.0", "0000:00:02.0"] as const;
for (const order of [["a", "b"], ["b", "a"]]) {
  Deno.test(`two guests have the cards of one desktop: it comes back with the last, ${order.join(" before ")}`, async () => {
    const world = new World(withDesktop(hybrid, "gnome", FIRST, SECOND));
    const before = state(world);
    const manager = () => world.host.systemd.unit("gdm.service")!.state;
    const a = await world.libvirt.start(guestXml({ name: "a", pci: [FIRST, "0000:03:00.1"] }));
    const b = await world.libvirt.start(guestXml({ name: "b", pci: [SECOND] }));
    assertEquals([a.state, b.state, manager()], ["running", "running", "inactive"], a.says + b.says);
    await world.libvirt.stop(order[0]!);
    await world.settled();
    assertEquals([manager(), world.host.harms], ["inactive", []], world.log);
    await world.libvirt.stop(order[1]!);
    await world.settled();
    assertEquals([manager(), state(world), world.journals], ["active", before, []], world.log);
  });
}

/** A config for all guests. */
const configured = (world: World, xml: string) =>
  world.host.tree.file("/etc/virt-aid/config.xml", `<virt-aid>${xml}</virt-aid>`);

Deno.test("restart='yes': the display manager is there again while the guest runs, on the card that is left", async () => {
  const world = new World(withDesktop(hybrid, "gnome", FIRST, SECOND));
  const before = state(world);
  configured(world, "<desktop restart='yes'/>");
  const started = await world.libvirt.start(guestXml({ name: "win11", pci: [FIRST, "0000:03:00.1"] }));
  assertEquals([started.state, world.host.systemd.unit("gdm.service")!.state], ["running", "active"], started.says);
  assertEquals(users(world, SECOND).includes("gnome-shell"), true);
  await world.libvirt.stop("win11");
  await world.settled();
  assertEquals(state(world), before, world.log);
});

Deno.test("holders='terminate' and a list of services: strangers end, services come back", async () => {
  const world = new World(withDesktop(singleGpu, "kde", FIRST));
  const { host } = world;
  configured(world, "<desktop holders='terminate'/>");
  const open = ["/dev/dri/renderD128"];
  const stubborn = { comm: "miner", args: ["/usr/bin/miner"], cgroup: "/", open, ignoresTerm: true } as const;
  const pid = host.processes.spawn(stubborn).pid;
  const started = await world.libvirt.start(guestXml({ name: "win11", pci: [FIRST, "0000:03:00.1"] }));
  assertEquals([started.state, host.processes.all.has(pid)], ["running", false], started.says);
  assertStringIncludes(world.log, `end miner (pid ${pid})`);
});

Deno.test("keep-consoles='yes': the text console is left alone", async () => {
  const world = new World({ ...hybrid, name: "console", modules: [] });
  configured(world, "<desktop keep-consoles='yes'/>");
  const started = await world.libvirt.start(guestXml({ name: "win11", pci: [SECOND] }));
  assertEquals(started.state, "running", started.says);
  assertEquals(world.log.includes("text console"), false);
});

Deno.test("a host that goes down gets no display manager", async () => {
  const world = new World(withDesktop(singleGpu, "kde", FIRST));
  await world.libvirt.start(guestXml({ name: "win11", pci: [FIRST, "0000:03:00.1"] }));
  world.host.systemd.state = "stopping";
  await world.libvirt.stop("win11");
  assertEquals([world.host.systemd.unit("sddm.service")!.state, world.journals], ["inactive", []], world.log);
});
