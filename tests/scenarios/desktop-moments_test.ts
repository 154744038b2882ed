/**
 * A desktop that comes or goes by itself in the middle of a hand-over, at any moment of it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { noteReturned, RETURNED } from "../../lib/journal.ts";
import type { UnitSpec } from "../simulated/desktop.ts";
import { withDesktop } from "../simulated/desktops.ts";
import { hybrid, singleGpu } from "../simulated/gpu-machines.ts";
import { guestXml } from "../simulated/guests.ts";
import type { Machine } from "../simulated/machine.ts";
import { World } from "./world.ts";

const CARD = "0000:03:00.0";
const OTHER = "0000:00:02.0";
const XML = guestXml({ name: "win11", pci: [CARD, "0000:03:00.1"] });
/** Desktops, and what shows them. */
const DESKTOPS = [["gnome", "gdm.service"], ["kde", "sddm.service"], ["startx", "getty@tty1.service"]] as const;

/** Lets time go by on the host. */
async function pass({ host }: World, ms: number): Promise<void> {
  const waits = host.start(async (system) => await system.until(() => false, ms) ? 1 : 0, { program: "/usr/bin/wait" });
  assertEquals((await waits.ended).code, 0);
}

/** A display manager that is up and has opened no card yet. */
const SDDM: UnitSpec = {
  name: "sddm.service",
  aliases: ["display-manager.service"],
  restart: "always",
  processes: [{ comm: "sddm", args: ["/usr/bin/sddm"] }],
};

Deno.test("a display manager that is up, and opens the only card at any moment from now, goes as any other", async () => {
  const wrong: string[] = [];
  for (let delay = 0; delay <= 600; delay += 10) {
    const world = new World({ ...singleGpu, units: [SDDM] });
    const { host } = world;
    const unit = host.systemd.unit("sddm.service")!;
    host.after(delay, () => {
      if (unit.main === undefined || host.pci.at(CARD).driver !== "amdgpu") return;
      const xorg = { comm: "Xorg", args: ["Xorg"], cgroup: "/system.slice/sddm.service", open: ["/dev/dri/card0"] };
      host.processes.spawn({ ...xorg, parent: unit.main.pid, needs: "display" });
    });
    const { state, says } = await world.libvirt.start(XML);
    if (state !== "running" || unit.state !== "inactive") wrong.push(`+${delay}: ${unit.state} ${says}`);
    await world.libvirt.stop("win11");
    await world.settled();
    if (unit.state !== "active" || host.harms.length > 0) {
      wrong.push(`+${delay}: at the end ${unit.state} ${host.harms}`);
    }
  }
  assertEquals(wrong, []);
});

/** After one guest has ended another one starts, so much later; gives what is wrong. */
async function soonAfter(machine: Machine, unit: string, xml: [string, string], delay: number): Promise<string[]> {
  const world = new World(machine);
  const state = () => world.host.systemd.unit(unit)!.state;
  const wrong: string[] = [];
  assertEquals((await world.libvirt.start(xml[0])).state, "running");
  const [first, second] = xml.map((text) => /<name>(.*)<\/name>/.exec(text)![1]!);
  const ended = world.libvirt.stop(first!);
  await pass(world, delay);
  if (first === second) await ended;
  const started = await world.libvirt.start(xml[1]);
  await ended;
  await world.settled();
  if (started.state === "running") {
    if (state() === "active") wrong.push("the desktop runs while the guest has the card");
    await world.libvirt.stop(second!);
    await world.settled();
  } else if (!started.says.includes("everything was put back")) wrong.push(started.says);
  if (world.host.harms.length > 0) wrong.push(`harms: ${world.host.harms}`);
  if (state() !== "active" || world.journals.length > 0) wrong.push(`at the end: ${state()} ${world.journals}`);
  return wrong.map((text) => `+${delay}: ${text}`);
}

for (const [desktop, unit] of DESKTOPS) {
  Deno.test(`${desktop}: a guest ends while another one starts, both with cards of it`, async () => {
    const machine = withDesktop(hybrid, desktop, CARD, OTHER);
    const xml = [guestXml({ name: "a", pci: [CARD, "0000:03:00.1"] }), guestXml({ name: "b", pci: [OTHER] })] as const;
    const wrong: string[] = [];
    for (let delay = 0; delay <= 1500; delay += 30) wrong.push(...await soonAfter(machine, unit, [...xml], delay));
    assertEquals(wrong, []);
  });

  Deno.test(`${desktop}: a guest is started again right after it has ended`, async () => {
    const machine = withDesktop(singleGpu, desktop, CARD);
    const wrong: string[] = [];
    for (let delay = 0; delay <= 1500; delay += 30) wrong.push(...await soonAfter(machine, unit, [XML, XML], delay));
    assertEquals(wrong, []);
  });
}

/** A desktop whose guest has ended a moment ago. */
async function returned(): Promise<World> {
  const world = new World(withDesktop(singleGpu, "gnome", CARD));
  assertEquals((await world.libvirt.start(XML)).state, "running");
  await world.libvirt.stop("win11");
  return world;
}

Deno.test("a desktop that died in its first seconds stays down when a guest takes its card", async () => {
  const world = await returned();
  const gdm = world.host.systemd.unit("gdm.service")!;
  gdm.stop();
  const started = await world.libvirt.start(XML);
  await world.settled();
  assertEquals(
    [started.state, gdm.state, world.host.tree.find(RETURNED)],
    ["running", "inactive", undefined],
    world.log,
  );
});

Deno.test("what was noted of a return that nobody has watched says nothing an hour later", async () => {
  const world = await returned();
  await world.settled();
  const note = await world.host.start((system) => {
    noteReturned(system, { service: "gdm.service", cards: [CARD] });
    return Promise.resolve(0);
  }, { program: "/usr/bin/note" }).ended;
  assertEquals(note.code, 0);
  await pass(world, 3_600_000);
  world.host.systemd.unit("gdm.service")!.stop(); // the administrator wants a text console
  await world.libvirt.start(guestXml({ name: "plain" }));
  await world.libvirt.stop("plain");
  await world.settled();
  assertEquals(world.host.systemd.unit("gdm.service")!.state, "inactive", world.log);
});
