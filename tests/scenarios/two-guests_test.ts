/**
 * Two guests of one host that start and end at the same time.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { GPU, NIC, SOUND } from "../on-host.ts";
import type { Fault } from "../simulated/faults.ts";
import { guestXml } from "../simulated/guests.ts";
import { type Result, SimulatedLibvirt } from "../simulated/libvirt.ts";
import type { Machine } from "../simulated/machine.ts";
import { server, workstation } from "../simulated/machines.ts";
import { functionsOf } from "../simulated/snapshot.ts";
import { World } from "./world.ts";

/** A world with two daemons that do not know of each other: libvirtd itself would serve two starts at once the same way. */
class Two {
  readonly world: World;
  readonly before: unknown;
  readonly libvirts: readonly [SimulatedLibvirt, SimulatedLibvirt];

  constructor(machine: Machine = workstation, faults: readonly Fault[] = []) {
    this.world = new World(machine, faults);
    this.before = functionsOf(this.world.host);
    this.libvirts = [this.world.libvirt, new SimulatedLibvirt(this.world.host)];
  }

  /** Both at once; each a list of the functions that a guest wants. */
  async start(first: readonly string[], second: readonly string[]): Promise<[Result, Result]> {
    const xml = (name: string, pci: readonly string[]) =>
      guestXml({ name, pci: pci.map((address) => ({ address, managed: false })) });
    return await Promise.all([
      this.libvirts[0].start(xml("first", first)),
      this.libvirts[1].start(xml("second", second)),
    ]);
  }

  /** Ends one of them; every hook is content. */
  async stop(which: 0 | 1): Promise<void> {
    const { hooks } = await this.libvirts[which].stop(which === 0 ? "first" : "second");
    assertEquals(hooks.map(({ code, stderr }) => [code, stderr]), [[0, ""], [0, ""]]);
  }

  /** Drivers of functions. */
  drivers(...addresses: string[]): (string | undefined)[] {
    return addresses.map((address) => this.world.host.pci.at(address).driver);
  }

  /** Everything is as before. */
  checkEnd(): void {
    const { host, journals } = this.world;
    assertEquals([functionsOf(host), journals, host.harms], [this.before, [], []]);
    assertEquals(host.locks.holders(), []);
  }
}

/** One of the two runs, the other was refused with the first one's name; gives which. */
function winner(two: Two, results: readonly Result[], says: RegExp): 0 | 1 {
  assertEquals(results.map(({ state }) => state).sort(), ["running", "shut off"]);
  const lost = results.findIndex(({ state }) => state === "shut off") as 0 | 1;
  const [prepare] = results[lost]!.hooks;
  assertEquals([prepare!.event, prepare!.code], ["prepare begin -", 1]);
  assertMatch(prepare!.stderr, says);
  assertMatch(prepare!.stderr, new RegExp(`guest ${lost === 0 ? "second" : "first"}`));
  assertEquals(two.world.journals.length, 1);
  return lost === 0 ? 1 : 0;
}

Deno.test("the same function: one of the two is refused, with the name of the other, which is unharmed", async () => {
  const two = new Two();
  const one = winner(two, await two.start([GPU], [GPU]), new RegExp(`in use by guest`));
  assertEquals(two.drivers(GPU, SOUND), ["vfio-pci", "vfio-pci"]);
  await two.stop(one);
  two.checkEnd();
});

Deno.test("two functions of one card, in one IOMMU group: one of the two is refused", async () => {
  const two = new Two(server);
  const one = winner(two, await two.start(["0000:02:00.0"], ["0000:02:00.1"]), /in use by guest/);
  await two.stop(one);
  two.checkEnd();
});

Deno.test("two cards in one IOMMU group: one of the two is refused", async () => {
  const functions = workstation.functions.map((fn) => fn.address === NIC ? { ...fn, group: 16 } : fn);
  const two = new Two({ ...workstation, functions, routes: [] });
  const results = await two.start([NIC, "0000:03:00.0"], ["0000:03:00.0", NIC]);
  const one = winner(two, results, /in use by guest/);
  await two.stop(one);
  two.checkEnd();
});

Deno.test("one that wants a function more than the other has is refused as a whole", async () => {
  const two = new Two();
  const results = await two.start([NIC], [NIC, GPU]);
  const one = winner(two, results, /in use by guest/);
  if (one === 0) assertEquals(two.drivers(GPU), ["nouveau"]);
  await two.stop(one);
  two.checkEnd();
});

for (const order of [[0, 1], [1, 0], "at once"] as const) {
  Deno.test(`different functions: both run, and end ${order}`, async () => {
    const two = new Two();
    const results = await two.start([GPU], [NIC]);
    assertEquals(results.map(({ state, says }) => [state, says]), [["running", ""], ["running", ""]]);
    assertEquals(two.drivers(GPU, NIC), ["vfio-pci", "vfio-pci"]);
    if (order === "at once") await Promise.all([two.stop(0), two.stop(1)]);
    else {
      await two.stop(order[0]);
      const left = order[1] === 0 ? GPU : NIC;
      assertEquals(two.drivers(left), ["vfio-pci"], "the other one keeps what it has");
      await two.stop(order[1]);
    }
    two.checkEnd();
    assertEquals(two.world.history.map(({ outcome }) => outcome), ["returned", "returned"]);
  });
}

Deno.test("two ports of one card in groups of their own: both run", async () => {
  const functions = server.functions.map((fn) => fn.net === "ens3f1" ? { ...fn, net: "other" } : fn);
  const two = new Two({ ...server, functions, routes: [] });
  assertEquals((await two.start(["0000:03:00.0"], ["0000:03:00.1"])).map(({ state }) => state), ["running", "running"]);
  await two.stop(1);
  assertEquals(two.drivers("0000:03:00.0", "0000:03:00.1"), ["vfio-pci", "mlx5_core"]);
  await two.stop(0);
  two.checkEnd();
});

Deno.test("a release and the next start of the same function at once: it goes over, or the start is refused", async () => {
  const two = new Two();
  await two.start([NIC], []);
  const [, next] = await Promise.all([two.stop(0), two.libvirts[1].start(guestXml({ name: "second", pci: [NIC] }))]);
  if (next.state === "running") await two.stop(1);
  else assertMatch(next.says, /in use by guest first|is held by qemu/);
  two.checkEnd();
});

Deno.test("a step of one that fails takes nothing from the other", async () => {
  const two = new Two(workstation, [{ name: "unbind-fails", at: GPU }]);
  const [first, second] = await two.start([GPU], [NIC]);
  assertEquals([first.state, second.state, ...two.drivers(GPU, NIC)], ["shut off", "running", "nouveau", "vfio-pci"]);
  assertMatch(first.says, /everything was put back/);
  await two.stop(1);
  two.checkEnd();
});

Deno.test("one is killed at any write of its journal while the other starts: the other runs, recovery returns the rest", async () => {
  let kills = 0;
  for (let at = 1;; at++) {
    const two = new Two();
    const fault = two.world.host.fault({ name: "killed-after-journal-write", at });
    const results = await two.start([GPU], [NIC]);
    if (fault.struck === 0) break;
    kills++;
    assert(results.some(({ state }) => state === "running"), `write ${at}: one of the two was killed, not both`);
    for (const which of [0, 1] as const) {
      if (results[which]!.state === "running") {
        assertEquals(two.drivers(which === 0 ? GPU : NIC), ["vfio-pci"], `write ${at}`);
        await two.stop(which);
      }
    }
    await two.world.settled();
    assertEquals((await two.world.run("virt-aid", ["recover"])).code, 0);
    two.checkEnd();
  }
  assert(kills >= 20, `only ${kills} kills: the test would say little`);
});

Deno.test("one hangs in the kernel for ever: the other starts, runs and ends", async () => {
  const two = new Two(workstation, [{ name: "unbind-hangs", at: GPU }]);
  const [first, second] = await two.start([GPU], [NIC]);
  assertEquals([first.state, second.state], ["shut off", "running"], second.says + two.world.log);
  assertMatch(first.says, new RegExp(`it hangs at: unbind ${GPU} from nouveau`));
  await two.stop(1);
  await two.world.settled();
  assertEquals(two.drivers(NIC), ["e1000e"]);
  const { code, stderr } = await two.world.run("virt-aid", ["recover"]);
  assertEquals(code, 1);
  assertMatch(stderr, new RegExp(`only a reboot frees ${GPU}`));
});
