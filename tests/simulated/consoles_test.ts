/** Text consoles and frame buffers of the simulated host (docs/vfio.md 4.2, F7). */

import { assertEquals, assertThrows } from "@std/assert";
import type { FunctionSpec, Machine } from "./machine.ts";
import { server, workstation } from "./machines.ts";
import { hostOf, on } from "./on.ts";

const IGPU = "0000:00:02.0";
const BIND = "/sys/class/vtconsole/vtcon1/bind";
const NAME = "(M) frame buffer device";
const DUMMY = "(S) dummy device";

/** The workstation with another first card. */
function but(change: Partial<FunctionSpec>): Machine {
  const functions = workstation.functions.map((fn) => fn.address === IGPU ? { ...fn, ...change } : fn);
  return { ...workstation, functions, processes: [] };
}

const unused = but({});

Deno.test("consoles: the one on frame buffers comes bound with the first and goes with the last", async () => {
  const host = hostOf(unused);
  await on(host, (system) => {
    assertEquals(host.consoles.all, { [DUMMY]: false, [NAME]: true });
    system.write(`/sys/bus/pci/drivers/i915/unbind`, IGPU);
    assertEquals(host.consoles.all, { [DUMMY]: true });
    assertEquals(system.list("/sys/class/vtconsole"), ["vtcon0"]);
    assertThrows(() => system.write(BIND, "0"), Deno.errors.NotFound);
    system.write(`/sys/bus/pci/drivers/i915/bind`, IGPU);
    assertEquals(host.consoles.all, { [DUMMY]: false, [NAME]: true });
  });
  assertEquals(host.harms, [], "i915 can live with it");
  assertEquals(hostOf(server).consoles.all, { [DUMMY]: true });
});

Deno.test("consoles: bind takes 0 and 1, and a fault can strike there", async () => {
  const host = hostOf(unused);
  await on(host, (system) => {
    system.write(BIND, "0\n");
    assertEquals([system.read(BIND), host.consoles.bound], ["0\n", false]);
    assertThrows(() => system.write(BIND, "off"), TypeError, "Invalid argument");
    system.write(BIND, "1");
    assertEquals(system.read("/sys/class/vtconsole/vtcon0/bind"), "0\n");
    host.fault({ name: "console-ignored" });
    system.write(BIND, "0");
    assertEquals(host.consoles.bound, true);
    host.heal();
    host.fault({ name: "console-fails" });
    assertThrows(() => system.write(BIND, "0"), Error, "Input/output error");
  });
});

Deno.test("consoles: one that leaves amdgpu's function with the console on it harms the host", async () => {
  const card = { driver: "amdgpu", vendor: "0x1002", device: "0x744c" };
  const leave = async (machine: Machine, bind: "0" | "1") => {
    const host = hostOf(machine);
    await on(host, (system) => {
      system.write(BIND, bind);
      system.write("/sys/bus/pci/drivers/amdgpu/unbind", IGPU);
    });
    return host.harms;
  };
  assertEquals(await leave(but(card), "1"), [`the console was on ${IGPU}`]);
  assertEquals(await leave(but(card), "0"), []);
  const machine = but({ ...card, drm: { card: 0, fb: 3 } });
  const other = machine.functions.map((fn) => fn.drm?.card === 1 ? { ...fn, drm: { ...fn.drm, fb: 2 } } : fn);
  assertEquals(await leave({ ...machine, functions: other }, "1"), [], "it is on the lowest frame buffer");
});

Deno.test("consoles: what a test writes into the file counts", () => {
  const host = hostOf(unused);
  host.tree.file("/sys/devices/virtual/vtconsole/vtcon1/bind", "0\n");
  assertEquals(host.consoles.bound, false);
});
