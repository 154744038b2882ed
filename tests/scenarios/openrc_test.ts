/** What OpenRC does not see or do by itself, in whole lives of a guest. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { singleGpu } from "../simulated/gpu-machines.ts";
import { guestXml } from "../simulated/guests.ts";
import { withInit } from "../simulated/inits.ts";
import type { Main } from "../simulated/process.ts";
import { World } from "./world.ts";

const CARD = "0000:03:00.0";
const XML = guestXml({ name: "win11", pci: [CARD, "0000:03:00.1"] });

Deno.test("OpenRC: what somebody has left in the control group of the getty that showed his desktop is left alone", async () => {
  const world = new World(withInit(singleGpu, "OpenRC", "startx", CARD));
  const { pid } = world.host.processes.spawn({
    ...{ comm: "ssh-agent", args: ["ssh-agent", "-s"], uid: 1000, tty: null },
    cgroup: "/openrc.agetty.tty1",
  });
  const started = await world.libvirt.start(XML);
  assertEquals([started.state, world.host.processes.all.has(pid)], ["running", true], started.says);
  await world.libvirt.stop("win11");
  await world.settled();
  assertEquals([world.host.services.get("agetty.tty1")!.state, world.host.harms], ["up", []], world.log);
});

Deno.test("OpenRC: a display manager whose start takes long comes up, and nobody calls that a failure", async () => {
  const machine = withInit(singleGpu, "OpenRC", "lightdm", CARD);
  const services = machine.services!.map((spec) =>
    spec.name === "display-manager" ? { ...spec, startsAfter: 8_000 } : spec
  );
  const world = new World({ ...machine, services });
  assertEquals((await world.libvirt.start(XML)).state, "running");
  await world.libvirt.stop("win11");
  await world.settled();
  assertEquals([world.host.services.get("display-manager")!.state, world.journals], ["up", []], world.log);
  assertEquals(world.log.includes("has failed"), false, world.log);
});

for (const after of [0, 1_000]) {
  Deno.test(`OpenRC: a display manager that dies ${after} ms after its start comes up again`, async () => {
    const world = new World(withInit(singleGpu, "OpenRC", "lightdm", CARD));
    assertEquals((await world.libvirt.start(XML)).state, "running");
    const manager = world.host.services.get("display-manager")!;
    const crash: Main = async (system) => {
      if (!await system.until(() => manager.state === "up" && manager.main !== undefined, 60_000, 10)) return 1;
      await system.until(() => false, after);
      world.host.processes.signal(manager.main!.pid, "KILL");
      return 0;
    };
    world.host.start(crash, { program: "/usr/bin/crash" });
    await world.libvirt.stop("win11");
    await world.settled();
    // the first is still seen by who starts it, the second by who watches it
    assertStringIncludes(world.log, after === 0 ? "start has failed" : "is started once more");
    assertEquals([manager.state, manager.main?.gone, world.journals], ["up", false, []], world.log);
  });
}
