/**
 * Every fault of services, sessions and consoles, and every kill, at each operation of a life of a guest that takes the only
 * card from a desktop: the desktop comes back, or what is not as it was is known to `virt-aid recover`, which brings it back.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { withDesktop } from "../simulated/desktops.ts";
import { chances, type Fault, FAULTS } from "../simulated/faults.ts";
import { singleGpu, singleNvidia } from "../simulated/gpu-machines.ts";
import { guestXml } from "../simulated/guests.ts";
import { OTHER_INITS, serviceOf, withInit } from "../simulated/inits.ts";
import type { Machine } from "../simulated/machine.ts";
import { snapshot } from "../simulated/snapshot.ts";
import { World } from "./world.ts";

const CARD = "0000:03:00.0";
const GEFORCE = "0000:01:00.0";

/** A desktop on the card. */
interface Case {
  /** For people. */
  readonly name: string;
  /** The card; its sound is its next function. */
  readonly card: string;
  /** The machine with it. */
  readonly machine: Machine;
  /** Its display manager. */
  readonly manager: string;
  /** The text console stays dark: NVIDIA's driver has no frame buffer for it. */
  readonly darkConsole?: true;
  /** The faults that make a difference with it. */
  readonly faults: RegExp;
}

const CASES: readonly Case[] = [
  {
    name: "desktop",
    card: CARD,
    machine: withDesktop(singleGpu, "kde", CARD),
    manager: "sddm.service",
    faults: /^(unit|console|session|firmware|monitor|killed|libvirtd|dispatcher|qemu-fails|poller)/,
  },
  {
    name: "desktop on NVIDIA",
    card: GEFORCE,
    machine: withDesktop(singleNvidia, "kde", GEFORCE),
    darkConsole: true,
    manager: "sddm.service",
    faults: /^(modprobe|rmmod|unbind-(fails|ignored)|bind-fails|udev|poller|killed|libvirtd-killed|return-needs)/,
  },
  ...OTHER_INITS.map((init) => ({
    name: `desktop on ${init}`,
    card: CARD,
    machine: withInit(singleGpu, init, "lightdm", CARD),
    manager: serviceOf(init, "lightdm"),
    faults: /^(service|session|killed|libvirtd-killed|qemu-fails)/,
  })),
];

/** What a person sees: the display manager, the card, the console. */
function seen(world: World, { manager, darkConsole }: Case) {
  const { functions, consoles, units, harms } = snapshot(world.host);
  return { functions, consoles: darkConsole ? undefined : consoles, manager: units[manager], harms };
}

/** A life; libvirtd comes back where it died. */
async function life({ machine, card }: Case, faults: readonly Fault[]): Promise<World> {
  const world = new World(machine, faults);
  const { state } = await world.libvirt.start(guestXml({ name: "win11", pci: [card, card.replace(/0$/, "1")] }));
  if (state === "lost") await world.libvirt.restart();
  if (world.libvirt.running.has("win11")) await world.libvirt.stop("win11");
  await world.settled();
  return world;
}

/** A life with a fault in it, and all that holds then. */
async function check(one: Case, fault: Fault): Promise<void> {
  const start = seen(new World(one.machine), one);
  const world = await life(one, [fault]);
  try {
    assertEquals(world.host.harms, []);
    // whatever happened to the card, the desktop was tried; a journal is left where something is not as it was
    if (JSON.stringify(seen(world, one)) !== JSON.stringify(start)) {
      assert(world.journals.length > 0 || world.log.includes("was told to start and is still"), "nobody knows of it");
    }
    world.host.heal();
    const { code, stderr } = await world.run("virt-aid", ["recover"]);
    const now = seen(world, one);
    // one that never stops is told to start, which it will when it has stopped; OpenRC cannot be told so before that
    const sticks = /-stop-hangs$/.test(fault.name) && /^(deactivating|stopping)$/.test(now.manager ?? "");
    const refused = sticks && stderr.includes("is already stopping");
    const end = { ...start, manager: sticks ? now.manager : start.manager };
    assertEquals([code, world.journals.length, now], [refused ? 1 : 0, refused ? 1 : 0, end], stderr);
  } catch (error) {
    throw new Error(`${fault.name} at ${fault.at ?? "every operation"}\n${world.log}`, { cause: error });
  }
}

for (const one of CASES) {
  const clean = await life(one, []);
  for (const name of Object.keys(FAULTS).filter((name) => one.faults.test(name))) {
    const times = Math.max(1, chances(name, clean.host.operations));
    Deno.test(`${one.name}: ${name} at each of ${times} operations, and at all of them`, async () => {
      for (let at = 1; at <= times; at++) await check(one, { name, at });
      await check(one, { name });
    });
  }
}
