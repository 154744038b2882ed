/**
 * What one guest's programs do right between two operations of another's. The simulated host takes what a program does
 * between two waits for one moment, which a real one does not: these moments are made by hand.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { prepareBegin } from "../../lib/phases/prepare.ts";
import type { Command } from "../../lib/system.ts";
import { withDesktop } from "../simulated/desktops.ts";
import { hybrid, hybridNvidia, singleNvidia, withSecondGeforce } from "../simulated/gpu-machines.ts";
import { guestXml } from "../simulated/guests.ts";
import type { Machine } from "../simulated/machine.ts";
import { snapshot } from "../simulated/snapshot.ts";
import { World } from "./world.ts";

const RADEON = ["0000:03:00.0", "0000:03:00.1"];
const GEFORCE = ["0000:01:00.0", "0000:01:00.1"];
const SECOND_GEFORCE = ["0000:06:00.0", "0000:06:00.1"];
/** What the host shows is on another card. */
const twins = withSecondGeforce({ ...hybridNvidia, units: [] });
const INTEGRATED = ["0000:00:02.0"];

/** NVIDIA's card, which the host boots with, and one of AMD. */
const two: Machine = {
  ...hybrid,
  name: "nvidia that boots, and amd",
  functions: [
    ...hybrid.functions.filter(({ address }) => !INTEGRATED.includes(address)),
    ...withSecondGeforce(singleNvidia).functions.filter(({ address }) => SECOND_GEFORCE.includes(address)),
  ],
  modules: [...hybrid.modules ?? [], ...singleNvidia.modules ?? []],
};

/** A moment of a start: once such a program has been run, and the lock of decisions taken that often since. */
interface Moment {
  /** The program; the beginning of the start where it is not said. */
  readonly after?: (command: Command) => boolean;
  /** Before which of the locks from then on, 1 is the first; right after the program where it is not said. */
  readonly lock?: number;
}

/** A guest ends in a moment of another one's start; gives how that start went, when both are over. */
async function endsMeanwhile(
  world: World,
  first: readonly string[],
  second: readonly string[],
  moment: Moment,
): Promise<string> {
  assertEquals((await world.libvirt.start(guestXml({ name: "a", pci: first }))).state, "running");
  let ended: Promise<unknown> | undefined;
  const end = () => ended ??= world.libvirt.stop("a");
  world.host.programs.set("/etc/libvirt/hooks/virt-aid/prepare-begin", (system, args) => {
    const { run, lock } = system;
    let begun = moment.after === undefined;
    let locks = 0;
    system.run = async (command) => {
      const result = await run.call(system, command);
      begun ||= moment.after!(command);
      if (begun && moment.lock === undefined) await end();
      return result;
    };
    system.lock = async (path, ms) => {
      if (begun && path === "/run/virt-aid/lock" && ++locks === moment.lock) await end();
      return await lock.call(system, path, ms);
    };
    return prepareBegin(system, args);
  });
  const { state, says } = await world.libvirt.start(guestXml({ name: "b", pci: second }));
  assertEquals([world.host.harms, ended !== undefined], [[], true], `${says}\n${world.log}`);
  await world.settled();
  return state === "running" ? state : says;
}

const stopsGdm = ({ program, args }: Command) =>
  program.endsWith("/systemctl") && args.includes("stop") && args.includes("gdm.service");

const MOMENTS = (["no", "yes"] as const).flatMap((restart) => [
  { restart, moment: { after: stopsGdm } },
  { restart, moment: { after: stopsGdm, lock: 1 } },
]);

for (const { restart, moment } of MOMENTS) {
  const when = "lock" in moment ? "has stopped the desktop, and not said so" : "is about to stop the desktop";
  Deno.test(`restart='${restart}', a guest ends while another one ${when}: it stays away until that one ends`, async () => {
    const world = new World(withDesktop(hybrid, "gnome", RADEON[0]!, INTEGRATED[0]!));
    world.host.tree.file("/etc/virt-aid/config.xml", `<virt-aid><desktop restart='${restart}'/></virt-aid>`);
    const gdm = () => world.host.systemd.unit("gdm.service")!.state;
    assertEquals([await endsMeanwhile(world, RADEON, INTEGRATED, moment), gdm()], ["running", "inactive"], world.log);
    await world.libvirt.stop("b");
    assertEquals([gdm(), world.journals], ["active", []]);
  });
}

Deno.test("a guest that ends does not put the text console on the card that another one has planned to take", async () => {
  const world = new World(two);
  assertEquals(await endsMeanwhile(world, SECOND_GEFORCE, RADEON, { lock: 2 }), "running", world.log);
  await world.libvirt.stop("b");
  assertEquals(world.journals, []);
});

Deno.test("NVIDIA's modules are not unloaded under a card that came home meanwhile", async () => {
  const world = new World(twins);
  const says = await endsMeanwhile(world, SECOND_GEFORCE, GEFORCE, { lock: 2 });
  assertEquals(
    says.includes("0000:06:00.0 has come back to the driver meanwhile; everything was put back"),
    true,
    says,
  );
  const drivers = () => [GEFORCE[0]!, SECOND_GEFORCE[0]!].map((address) => world.host.pci.at(address).driver);
  assertEquals([drivers(), world.journals], [["nvidia", "nvidia"], []]);
  const again = await world.libvirt.start(guestXml({ name: "b", pci: GEFORCE }));
  assertEquals([again.state, drivers()], ["running", ["vfio-pci", "nvidia"]]);
});

Deno.test("the text console comes back with its card, though another guest has another one", async () => {
  const world = new World(hybrid);
  const console = () => snapshot(world.host).consoles;
  const before = console();
  for (const [name, pci] of [["a", INTEGRATED], ["b", RADEON]] as const) {
    assertEquals((await world.libvirt.start(guestXml({ name, pci }))).state, "running");
  }
  await world.libvirt.stop("a");
  assertEquals(console(), before);
  await world.libvirt.stop("b");
  assertEquals([console(), world.journals, world.host.harms], [before, [], []]);
});
