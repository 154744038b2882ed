/**
 * Several of NVIDIA's cards in one host: modules that all of them need.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { withDesktop } from "../simulated/desktops.ts";
import type { Fault } from "../simulated/faults.ts";
import { singleNvidia, withSecondGeforce } from "../simulated/gpu-machines.ts";
import { guestXml } from "../simulated/guests.ts";
import { World } from "./world.ts";

const FIRST = ["0000:01:00.0", "0000:01:00.1"];
const SECOND = ["0000:06:00.0", "0000:06:00.1"];
const MODULES = ["nvidia", "nvidia_modeset", "nvidia_drm", "nvidia_uvm"];

/** A host after the end of a guest that had both cards. */
async function after(...faults: readonly Fault[]): Promise<World> {
  const world = new World(withDesktop(withSecondGeforce(singleNvidia), "gnome", FIRST[0]!), faults);
  const { state, says } = await world.libvirt.start(guestXml({ name: "a", pci: [...FIRST, ...SECOND] }));
  assertEquals(state, "running", says);
  assertEquals(loaded(world), []);
  await world.libvirt.stop("a");
  await world.settled();
  return world;
}
const loaded = ({ host }: World) => MODULES.filter((module) => host.modules.all.get(module)!.loaded);
const gdm = ({ host }: World) => host.systemd.unit("gdm.service")!.state;

Deno.test("one guest takes both cards, and gives both back with all modules", async () => {
  const world = await after();
  assertEquals([loaded(world), gdm(world), world.journals, world.host.harms], [MODULES, "active", [], []]);
});

for (const [lost, other] of [[FIRST, SECOND], [SECOND, FIRST]] as const) {
  Deno.test(`${lost[0]} does not come home: the other card has its modules, and may be given away`, async () => {
    const world = await after({ name: "return-fails", at: lost[0] });
    assertEquals([loaded(world), world.host.pci.at(other[0]!).driver], [MODULES, "nvidia"], world.log);
    assertEquals([gdm(world), world.journals.length], ["active", 1]);
    const tries = world.host.operations.filter(({ kind, subject }) => kind === "remove" && subject === lost[0]).length;
    assert(tries <= 4, `at the release and by the recovery, but not for each of the modules: ${tries}`);
    const next = await world.libvirt.start(guestXml({ name: "b", pci: other }));
    assertEquals(next.state, "running", next.says);
  });
}

Deno.test("a journal of the version before, which does not name the cards of a module, is taken back", async () => {
  const world = new World(withDesktop(singleNvidia, "gnome", FIRST[0]!));
  assertEquals((await world.libvirt.start(guestXml({ name: "a", pci: FIRST }))).state, "running");
  const [path] = world.journals;
  const journal = JSON.parse(world.host.tree.texts("/run/virt-aid/guests")[path!]!);
  for (const { step } of journal.entries) delete step.functions;
  world.host.tree.file(path!, JSON.stringify(journal));
  await world.libvirt.stop("a");
  assertEquals([gdm(world), world.journals, loaded(world)], ["active", [], MODULES], world.log);
});
