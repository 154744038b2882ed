/**
 * Every fault of services, sessions and consoles, and every kill, at each operation of a life of a guest that takes the only
 * card from a desktop: the desktop comes back, or what is not as it was is known to `virt-aid recover`, which brings it back.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { withDesktop } from "../simulated/desktops.ts";
import { chances, type Fault, FAULTS } from "../simulated/faults.ts";
import { singleGpu } from "../simulated/gpu-machines.ts";
import { guestXml } from "../simulated/guests.ts";
import { snapshot } from "../simulated/snapshot.ts";
import { World } from "./world.ts";

const CARD = "0000:03:00.0";
const MACHINE = withDesktop(singleGpu, "kde", CARD);
const XML = guestXml({ name: "win11", pci: [CARD, "0000:03:00.1"] });

/** Those that strike a desktop. */
const NAMES = Object.keys(FAULTS).filter((name) =>
  /^(unit|console|session|firmware|monitor|killed|libvirtd|dispatcher|qemu-fails|poller)/.test(name)
);

/** What a person sees: the display manager, the card, the console. */
function seen(world: World) {
  const { functions, consoles, units, harms } = snapshot(world.host);
  return { functions, consoles, manager: units["sddm.service"], harms };
}

/** A life; libvirtd comes back where it died. */
async function life(faults: readonly Fault[]): Promise<World> {
  const world = new World(MACHINE, faults);
  const { state } = await world.libvirt.start(XML);
  if (state === "lost") await world.libvirt.restart();
  if (world.libvirt.running.has("win11")) await world.libvirt.stop("win11");
  await world.settled();
  return world;
}

const START = seen(new World(MACHINE));

/** A life with a fault in it, and all that holds then. */
async function check(fault: Fault): Promise<void> {
  const world = await life([fault]);
  try {
    assertEquals(world.host.harms, []);
    // whatever happened to the card, the desktop was tried; a journal is left where something is not as it was
    if (JSON.stringify(seen(world)) !== JSON.stringify(START)) {
      assert(world.journals.length > 0 || world.log.includes("was told to start and is still"), "nobody knows of it");
    }
    world.host.heal();
    const { code, stderr } = await world.run("virt-aid", ["recover"]);
    const now = seen(world);
    // one that never stops is told to start, which it will when it has stopped
    const manager = fault.name === "unit-stop-hangs" && now.manager === "deactivating" ? now.manager : START.manager;
    assertEquals([code, world.journals, now], [0, [], { ...START, manager }], stderr);
  } catch (error) {
    throw new Error(`${fault.name} at ${fault.at ?? "every operation"}\n${world.log}`, { cause: error });
  }
}

const clean = await life([]);

for (const name of NAMES) {
  const times = Math.max(1, chances(name, clean.host.operations));
  Deno.test(`desktop: ${name} at each of ${times} operations, and at all of them`, async () => {
    for (let at = 1; at <= times; at++) await check({ name, at });
    await check({ name });
  });
}
