/**
 * Starts that nobody waits for any more: the libvirtd that asked for them is gone, or the dispatcher is. What they have done
 * is taken back, and what the next libvirtd has done by then is not.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { prepareBegin } from "../../lib/phases/prepare.ts";
import { releaseEnd } from "../../lib/phases/release.ts";
import { NIC } from "../on-host.ts";
import { withDesktop } from "../simulated/desktops.ts";
import { singleGpu } from "../simulated/gpu-machines.ts";
import { guestXml } from "../simulated/guests.ts";
import { type Result, SimulatedLibvirt } from "../simulated/libvirt.ts";
import { workstation } from "../simulated/machines.ts";
import { World } from "./world.ts";

const PREPARE = "/etc/libvirt/hooks/virt-aid/prepare-begin";
const RELEASE = "/etc/libvirt/hooks/virt-aid/release-end";
const CARD = "0000:03:00.0";
const XML = guestXml({ name: "win11", pci: [CARD, "0000:03:00.1"] });

const gdm = ({ host }: World) => host.systemd.unit("gdm.service")!.state;
/** States of the journals. */
const states = ({ host, journals }: World) =>
  journals.map((path) => JSON.parse(host.tree.texts("/run/virt-aid/guests")[path]!).state);

/** libvirtd dies at the n-th journal write of a start, and the next one starts the same guest right then. */
async function startedAgain(world: World, xml: string, write: number): Promise<Result> {
  let second: Promise<Result> | undefined;
  let writes = 0;
  world.host.programs.set(PREPARE, (system, args) => {
    const { save } = system;
    system.save = (path, text) => {
      save.call(system, path, text);
      if (!path.endsWith(".json") || ++writes !== write) return;
      world.libvirt.die();
      second = new SimulatedLibvirt(world.host).start(xml);
    };
    return prepareBegin(system, args);
  });
  await world.libvirt.start(xml);
  const result = await second!;
  await world.settled();
  return result;
}

for (const managed of [true, false]) {
  for (const write of [1, 3, 6]) {
    Deno.test(`a NIC, managed ${managed}: what the next libvirtd hands over stays, after ${write} writes`, async () => {
      const world = new World(workstation);
      const { state, says } = await startedAgain(
        world,
        guestXml({ name: "win11", pci: [{ address: NIC, managed }] }),
        write,
      );
      assertEquals([state, world.host.pci.at(NIC).driver, states(world)], ["running", "vfio-pci", ["running"]], says);
      assertEquals(world.host.harms, []);
    });
  }
}

Deno.test("the desktop: what the next libvirtd hands over stays, and the desktop away", async () => {
  const world = new World(withDesktop(singleGpu, "gnome", CARD));
  const { state, says } = await startedAgain(world, XML, 3);
  assertEquals([state, gdm(world), states(world)], ["running", "inactive", ["running"]], `${says}\n${world.log}`);
  assertEquals([world.host.pci.at(CARD).driver, world.host.harms], ["vfio-pci", []]);
});

Deno.test("a libvirtd dies while a user's script runs: nothing is taken from the guest that runs by then", async () => {
  const world = new World(withDesktop(singleGpu, "gnome", CARD));
  const script = "/etc/libvirt/hooks/qemu.d/win11/prepare/begin";
  world.host.tree.file(script, "#!/bin/sh\n", 0o755);
  const began = Promise.withResolvers<void>();
  let calls = 0;
  world.host.programs.set(script, async (system) => {
    if (calls++ > 0) return 0;
    began.resolve();
    await system.until(() => false, 10_000); // for something that does not come
    return 0;
  });
  const first = world.libvirt.start(XML);
  await began.promise;
  world.libvirt.die();
  const second = await new SimulatedLibvirt(world.host).start(XML);
  await first;
  await world.settled();
  assertEquals([second.state, gdm(world), states(world)], ["running", "inactive", ["running"]], world.log);
  assertEquals([world.host.pci.at(CARD).driver, world.host.harms], ["vfio-pci", []]);
});

Deno.test("a start of a guest that another libvirtd runs is refused, and takes nothing back", async () => {
  const world = new World(withDesktop(singleGpu, "gnome", CARD));
  assertEquals((await world.libvirt.start(XML)).state, "running");
  const { code, stderr } = await world.run("qemu", ["win11", "prepare", "begin", "-"], XML);
  assertEquals([code, stderr.includes("it is running, started by another libvirt daemon")], [1, true], stderr);
  assertEquals([world.host.pci.at(CARD).driver, gdm(world), states(world)], ["vfio-pci", "inactive", ["running"]]);
  await world.libvirt.stop("win11");
  assertEquals([world.journals, gdm(world)], [[], "active"]);
});

for (const libvirtd of ["lives", "dies too, and comes back"]) {
  for (const moment of ["/grep", "/systemctl", "/modprobe"]) {
    Deno.test(`the dispatcher is killed at prepare's first ${moment.slice(1)}, libvirtd ${libvirtd}: nothing is left`, async () => {
      const world = new World(withDesktop(singleGpu, "gnome", CARD));
      let killed = false;
      world.host.programs.set(PREPARE, (system, args) => {
        const { run } = system;
        system.run = (command) => {
          if (command.program.endsWith(moment) && !killed) {
            killed = true;
            if (libvirtd !== "lives") world.libvirt.die();
            world.host.processes.kill(system.parent());
            if (libvirtd !== "lives") world.libvirt.restart();
          }
          return run.call(system, command);
        };
        return prepareBegin(system, args);
      });
      await world.libvirt.start(XML);
      if (!killed) await world.libvirt.stop("win11");
      await world.settled();
      const drivers = [world.host.pci.at(CARD).driver, gdm(world), world.journals.length];
      assertEquals(drivers, ["amdgpu", "active", 0], world.log);
    });
  }
}

Deno.test("a libvirtd that died before the dispatcher could see whose child it is: nothing is handed over", async () => {
  const world = new World(workstation);
  const xml = guestXml({ name: "win11", pci: [NIC] });
  const { code } = await world.start("qemu", ["win11", "prepare", "begin", "-"], xml, 1).ended;
  await world.settled();
  assertEquals([code, world.journals, world.host.pci.at(NIC).driver], [1, [], "e1000e"], world.log);
});

Deno.test("a plan does not go by what it saw before another guest's end", async () => {
  const world = new World(workstation);
  await world.libvirt.start(guestXml({ name: "a", pci: [{ address: NIC, managed: false }] }));
  let b: Promise<Result> | undefined;
  let looked = false;
  let released = false;
  world.host.programs.set(RELEASE, async (system, args) => {
    b ??= world.libvirt.start(guestXml({ name: "b", pci: [NIC] })); // the function is still on vfio-pci, without a QEMU
    await system.until(() => looked, 5_000);
    const code = await releaseEnd(system, args);
    released = true;
    return code;
  });
  world.host.programs.set(PREPARE, (system, args) => {
    const { lock } = system;
    system.lock = async (path, ms) => {
      if (path === "/run/virt-aid/lock" && !looked) {
        looked = true;
        await system.until(() => released, 10_000);
      }
      return await lock.call(system, path, ms);
    };
    return prepareBegin(system, args);
  });
  await world.libvirt.stop("a");
  const { state, says } = await b!;
  assertEquals([state, world.host.pci.at(NIC).driver], ["running", "vfio-pci"], `${says}\n${world.log}`);
});
