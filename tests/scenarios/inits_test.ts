/**
 * The card of a desktop on hosts without systemd: each init system, with a display manager and elogind, and with X that was
 * started from a text console without any logind.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { withDesktop } from "../simulated/desktops.ts";
import { hybrid, hybridNvidia, singleGpu, singleNvidia } from "../simulated/gpu-machines.ts";
import { guestXml } from "../simulated/guests.ts";
import { OTHER_INITS, type OtherDesktop, type OtherInit, serviceOf, withInit } from "../simulated/inits.ts";
import type { Machine } from "../simulated/machine.ts";
import { snapshot } from "../simulated/snapshot.ts";
import { World } from "./world.ts";

const MACHINES: readonly (readonly [machine: Machine, card: string])[] = [
  [singleGpu, "0000:03:00.0"],
  [singleNvidia, "0000:01:00.0"],
  [hybridNvidia, "0000:01:00.0"],
];
const DESKTOPS: readonly OtherDesktop[] = ["lightdm", "startx"];

const guestWith = (card: string) => guestXml({ name: "win11", pci: [card, card.replace(/0$/, "1")] });

/** Programs that have a node of the card open. */
function users({ host }: World, card: string): string[] {
  return host.pci.users(host.pci.at(card)).map((pid) => host.processes.all.get(pid)!.spec.comm);
}

/** States of all services. */
const services = ({ host }: World) =>
  Object.fromEntries([...host.services.all].map(([name, { state }]) => [name, state]));

/** Waits until nothing is due that the end of a session has brought about. */
async function until(world: World, what: () => boolean): Promise<void> {
  const waits = world.host.start(async (system) => await system.until(what, 30_000) ? 0 : 1, {
    program: "/usr/bin/wait",
  });
  assertEquals((await waits.ended).code, 0, world.log);
}

for (const init of OTHER_INITS) {
  for (const desktop of DESKTOPS) {
    for (const [machine, card] of MACHINES) {
      const host = withInit(machine, init, desktop, card);
      Deno.test(`${host.name}: the guest gets the card, twice, and everything comes back`, async () => {
        const world = new World(host);
        const before = { services: services(world), ...snapshot(world.host) };
        assert(users(world, card).includes("Xorg"));
        for (let time = 1; time <= 2; time++) {
          const started = await world.libvirt.start(guestWith(card));
          assertEquals(started.state, "running", `${started.says}\n${world.log}`);
          assertEquals([world.host.pci.at(card).driver, world.host.harms], ["vfio-pci", []]);
          assertEquals(services(world)[serviceOf(init, desktop)], "down");
          await world.libvirt.stop("win11");
          await world.settled();
          await until(world, () => users(world, card).includes("Xorg"));
          const now = snapshot(world.host);
          assertEquals([services(world), now.functions, now.harms], [before.services, before.functions, []], world.log);
          assertEquals(world.journals, []);
        }
      });
    }
  }
}

for (const init of OTHER_INITS) {
  Deno.test(`${init}: a stranger on the card refuses the start, and the desktop is untouched`, async () => {
    const world = new World(withInit(singleGpu, init, "lightdm", "0000:03:00.0"));
    const open = ["/dev/dri/renderD128"];
    world.host.processes.spawn({ pid: 812, comm: "ollama", args: ["/usr/bin/ollama"], uid: 999, open, cgroup: "/" });
    const before = snapshot(world.host);
    const started = await world.libvirt.start(guestWith("0000:03:00.0"));
    assertStringIncludes(
      started.says,
      "0000:03:00.0 is held by ollama (pid 812, user 999) through /dev/dri/renderD128",
    );
    assertEquals([started.state, snapshot(world.host).sessions], ["shut off", before.sessions]);
  });

  Deno.test(`${init}: a display manager that cannot be stopped refuses the start, and runs on`, async () => {
    const world = new World(withInit(singleGpu, init, "lightdm", "0000:03:00.0"), [{ name: "service-stop-fails" }]);
    const started = await world.libvirt.start(guestWith("0000:03:00.0"));
    assertEquals([started.state, services(world)[serviceOf(init, "lightdm")]], ["shut off", "up"], started.says);
    assertEquals([world.host.pci.at("0000:03:00.0").driver, world.host.harms], ["amdgpu", []]);
  });

  Deno.test(`${init}: nothing is started while the host goes down`, async () => {
    const world = new World(withInit(singleGpu, init, "lightdm", "0000:03:00.0"));
    assertEquals((await world.libvirt.start(guestWith("0000:03:00.0"))).state, "running");
    world.host.shutDown();
    await world.libvirt.stop("win11");
    await world.settled();
    assertEquals(services(world)[serviceOf(init, "lightdm")], "down", world.log);
    assertEquals(world.host.pci.at("0000:03:00.0").driver, "amdgpu");
  });
}

Deno.test("an ssh login of the same user goes on when a login on a text console ends", async () => {
  const init: OtherInit = "runit";
  const world = new World(withInit(singleGpu, init, "startx", "0000:03:00.0"));
  const ssh = { pid: 900, comm: "bash", args: ["-bash"], uid: 1000, cgroup: "/", tty: null };
  world.host.processes.spawn(ssh);
  const started = await world.libvirt.start(guestWith("0000:03:00.0"));
  assertEquals([started.state, world.host.processes.all.has(900)], ["running", true], started.says);
  assertStringIncludes(world.log, "end the login of ann on tty1");
});

Deno.test("startx on systemd without logind: the login ends, and comes again by its prompt", async () => {
  const world = new World(withDesktop(singleGpu, "startx-no-logind", "0000:03:00.0"));
  const started = await world.libvirt.start(guestWith("0000:03:00.0"));
  assertEquals(started.state, "running", started.says);
  await world.libvirt.stop("win11");
  await world.settled();
  await until(world, () => users(world, "0000:03:00.0").includes("Xorg"));
  assertEquals([world.host.harms, world.journals], [[], []]);
});

for (const init of OTHER_INITS) {
  for (const order of [["a", "b"], ["b", "a"]] as const) {
    Deno.test(`${init}: two guests have the cards of one desktop; ${order.join(" ends before ")}, the last brings it back`, async () => {
      const world = new World(withInit(hybrid, init, "lightdm", "0000:03:00.0", "0000:00:02.0"));
      const manager = () => services(world)[serviceOf(init, "lightdm")];
      for (const spec of [{ name: "a", pci: ["0000:03:00.0", "0000:03:00.1"] }, { name: "b", pci: ["0000:00:02.0"] }]) {
        const started = await world.libvirt.start(guestXml(spec));
        assertEquals([started.state, manager()], ["running", "down"], started.says);
      }
      await world.libvirt.stop(order[0]);
      await world.settled();
      assertEquals([manager(), world.host.harms], ["down", []], world.log);
      await world.libvirt.stop(order[1]);
      await world.settled();
      assertEquals([manager(), world.journals, world.host.harms], ["up", [], []], world.log);
    });
  }
}
