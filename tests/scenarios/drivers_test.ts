/**
 * Each driver of lib/host/gpu-drivers.ts: a guest takes its card, alone or beside one of another driver, and gives it back.
 * What the table says of services and modules is done, for cards of that driver alone.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { UnitSpec } from "../simulated/desktop.ts";
import { type DesktopName, nodesOf, withDesktop } from "../simulated/desktops.ts";
import { type Driver, pair, type Processor, single } from "../simulated/gpu-machines.ts";
import { guestXml } from "../simulated/guests.ts";
import type { Machine, ModuleSpec } from "../simulated/machine.ts";
import { snapshot } from "../simulated/snapshot.ts";
import { World } from "./world.ts";

/** Drivers, and which services the table has for them. */
const DRIVERS: Readonly<Record<Driver, readonly string[]>> = {
  nvidia: ["nvidia-persistenced", "nvidia-powerd", "lactd"],
  amdgpu: ["lactd"],
  i915: ["lactd"],
  xe: ["lactd"],
  radeon: [],
  nouveau: [],
};
const NAMES = Object.keys(DRIVERS) as Driver[];
const SERVICES = DRIVERS.nvidia;
const PAIRS: readonly (readonly [Processor, Driver])[] = [
  ["i915", "nvidia"],
  ["amdgpu", "nvidia"],
  ["xe", "amdgpu"],
  ["i915", "radeon"],
  ["amdgpu", "xe"],
  ["radeon", "i915"],
  ["xe", "nouveau"],
];
const GRAPHICS = "0000:00:02.0";

/** The card, and its sound. */
function cardOf({ functions }: Machine): [card: string, sound: string] {
  const card = functions.findLast(({ class: code }) => code === "0x030000")!.address;
  return [card, card.replace(/0$/, "1")];
}

/** What has to be as before: all but processes, whose ids are new, and who was logged in. */
function state({ host, journals }: World) {
  const { functions, modules, consoles, units, harms } = snapshot(host);
  const system = Object.entries(units).filter(([label]) => !/\/|^user@/.test(label));
  const ours = (module: string) => !module.startsWith("vfio");
  return { functions, modules: modules.filter(ours), consoles, units: Object.fromEntries(system), harms, journals };
}

/** Names of the programs that show something. */
const showing = ({ host }: World) =>
  [...host.processes.all.values()].filter(({ spec }) => spec.needs === "display").map(({ spec }) => spec.comm);

/** Names of those who have a function open. */
const users = ({ host: { pci, processes } }: World, address: string) =>
  pci.users(pci.at(address)).map((pid) => processes.all.get(pid)!.spec.comm);

/** A guest has functions for a while, and looks at the host meanwhile. */
async function life(world: World, pci: readonly string[], during: () => void): Promise<void> {
  const { state, says } = await world.libvirt.start(guestXml({ name: "win11", pci }));
  assertEquals([state, world.host.harms], ["running", []], `${says}\n${world.log}`);
  for (const address of pci) assertEquals(world.host.pci.at(address).driver, "vfio-pci");
  assertEquals(users(world, pci[0]!), ["qemu-system-x86"]);
  during();
  await world.libvirt.stop("win11");
  await world.settled();
}

for (const driver of NAMES) {
  for (const desktop of ["gnome", "kde", "sway", "startx-no-logind", "plain"] satisfies DesktopName[]) {
    Deno.test(`${driver}, the only card, with ${desktop}: the desktop goes, and all is as before`, async () => {
      const machine = single(driver);
      const pci = cardOf(machine);
      const world = new World(withDesktop(machine, desktop, pci[0]));
      const before = state(world);
      await life(world, pci, () => assertEquals(showing(world), []));
      // vfio-pci takes the firmware's frame buffer away for good, and NVIDIA's driver has none of its own
      const consoles = driver === "nvidia" ? before.consoles : state(world).consoles;
      assertEquals({ ...state(world), consoles }, before, world.log);
    });
  }
}

for (const [graphics, driver] of PAIRS) {
  const machine = pair(graphics, driver);
  const card = cardOf(machine);
  for (const [taken, pci] of [[driver, card], [graphics, [GRAPHICS]]] as const) {
    for (const [desktop, manager] of [["gnome", "gdm.service"], ["sway", "greetd.service"]] as const) {
      for (const restart of ["yes", "no"]) {
        Deno.test(`${graphics} and ${driver}: ${taken} goes from ${desktop}, restart ${restart}`, async () => {
          const world = new World(withDesktop(machine, desktop, GRAPHICS, card[0]));
          world.host.tree.file("/etc/virt-aid/config.xml", `<virt-aid><desktop restart='${restart}'/></virt-aid>`);
          const before = state(world);
          const left = pci[0] === GRAPHICS ? card[0] : GRAPHICS;
          await life(world, pci, () => {
            assertEquals(world.host.systemd.unit(manager)!.state, restart === "yes" ? "active" : "inactive");
            assertEquals(users(world, left).includes("gnome-shell"), desktop === "gnome" && restart === "yes");
            assertEquals(world.host.pci.at(left).driver, taken === driver ? graphics : driver);
          });
          assertEquals(state(world), before, world.log);
        });
      }
    }
  }
}

/** A service that has the card open. It may be started once, and then not before `reset-failed`: docs/vfio.md M3. */
function holding(name: string, machine: Machine): UnitSpec {
  const open = nodesOf(machine, cardOf(machine)).cards;
  const comm = name.slice(0, 15);
  return { name: `${name}.service`, startLimit: 1, processes: [{ comm, args: [`/usr/bin/${name}`], open }] };
}

for (const driver of NAMES) {
  for (const name of SERVICES) {
    const goes = DRIVERS[driver].includes(name);
    Deno.test(`${name} on a card of ${driver} ${goes ? "stops, and is back, twice" : "is a stranger"}`, async () => {
      const machine = single(driver);
      const world = new World({ ...machine, units: [holding(name, machine)] });
      const unit = world.host.systemd.unit(`${name}.service`)!;
      for (let time = 1; goes && time <= 2; time++) {
        await life(world, cardOf(machine), () => assertEquals(unit.state, "inactive"));
        assertEquals(unit.state, "active", world.log);
        assertEquals(users(world, cardOf(machine)[0]), [unit.spec.processes![0]!.comm]);
      }
      if (goes) return;
      const { state, says } = await world.libvirt.start(guestXml({ name: "win11", pci: cardOf(machine) }));
      assertEquals([state, unit.state, world.host.pci.at(cardOf(machine)[0]).driver], ["shut off", "active", driver]);
      assertStringIncludes(says, `is held by ${name.slice(0, 15)}`);
    });
  }
  if (DRIVERS[driver].length === 0) continue;
  Deno.test(`${DRIVERS[driver].join(", ")} with a card of ${driver} stay when another card goes`, async () => {
    const machine = pair("radeon", driver);
    const world = new World({ ...machine, units: DRIVERS[driver].map((name) => holding(name, machine)) });
    const pids = () => DRIVERS[driver].map((name) => world.host.systemd.unit(`${name}.service`)!.main?.pid);
    const before = pids();
    await life(world, [GRAPHICS], () => assertEquals(pids(), before));
    assertEquals(pids(), before);
  });
}

/** NVIDIA's modules that are loaded, in the order in which they go. */
const LOADED = [
  ["nvidia_uvm", "nvidia_drm", "nvidia_modeset", "nvidia_peermem", "nvidia"],
  ["nvidia_uvm", "nvidia_drm", "nvidia_modeset", "nvidia"],
  ["nvidia_drm", "nvidia_modeset", "nvidia"],
  ["nvidia_uvm", "nvidia"],
];

for (const loaded of LOADED) {
  Deno.test(`nvidia: ${loaded.join(", ")} go in this order, cannot be loaded, and come back with no other`, async () => {
    const machine = single("nvidia");
    const peermem: ModuleSpec = { name: "nvidia_peermem", needs: ["nvidia", "ib_core"] };
    const modules = [...machine.modules!, peermem].map((one) => ({ ...one, loaded: loaded.includes(one.name) }));
    const world = new World({ ...machine, modules });
    const { host } = world;
    const before = state(world);
    await life(world, cardOf(machine), () => {
      assertEquals(host.operations.filter(({ kind }) => kind === "rmmod").map(({ subject }) => subject), loaded);
      const rules = host.tree.texts("/run/modprobe.d")["/run/modprobe.d/virt-aid-nvidia.conf"] ?? "";
      assertEquals([...rules.matchAll(/^install (\S+) \/bin\/false$/gm)].map(([, name]) => name), loaded);
      assertEquals(modules.filter(({ name }) => host.modules.all.get(name)!.loaded), []);
    });
    assertEquals({ ...state(world), consoles: before.consoles }, before, world.log);
    assertEquals(host.tree.texts("/run/modprobe.d"), {});
  });
}
