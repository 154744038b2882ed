/** The model of libvirtd against docs/libvirt.md, and the faults. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { FAULTS } from "./fault-table.ts";
import { chances } from "./faults.ts";
import { guestXml } from "./guests.ts";
import { SimulatedHost } from "./host.ts";
import { SimulatedLibvirt } from "./libvirt.ts";
import { bare, workstation } from "./machines.ts";
import type { Main } from "./program.ts";
import { functionsOf } from "./snapshot.ts";

const NIC = "0000:02:00.0";
const HOOK = "/etc/libvirt/hooks/qemu";
const XML = guestXml({ name: "win11", pci: [NIC] });
const UNMANAGED = guestXml({ name: "win11", pci: [{ address: NIC, managed: false }] });

/** A host whose hook notes its events, and fails at some. */
function hostOf(failing: readonly string[] = [], machine = workstation) {
  const host = new SimulatedHost(machine);
  const events: string[] = [];
  const hook: Main = (system, args) => {
    const event = args.slice(1).join(" ");
    events.push(`${event}: ${host.pci.at(NIC).driver}`);
    system.complain("because");
    return Promise.resolve(failing.some((start) => event.startsWith(start)) ? 1 : 0);
  };
  host.install({ [HOOK]: hook, "/etc/libvirt/hooks/daemon": hook });
  return { host, events, libvirt: new SimulatedLibvirt(host) };
}

Deno.test("managed='yes': libvirt binds between prepare and start, and gives back between stopped and release", async () => {
  const { host, events, libvirt } = hostOf();
  const before = functionsOf(host);
  assertEquals((await libvirt.start(XML)).state, "running");
  assertEquals(host.pci.enabled(host.pci.at(NIC)), 1);
  assert([...host.processes.all.values()].some(({ spec }) => spec.args?.includes("-uuid")));
  assertEquals((await libvirt.start(XML)).says, "error: Domain is already active\n");
  assertEquals((await libvirt.stop("win11")).state, "shut off");
  assertEquals(events, [
    "prepare begin -: e1000e",
    "start begin -: vfio-pci",
    "started begin -: vfio-pci",
    "stopped end -: vfio-pci",
    "release end destroyed: e1000e",
  ]);
  assertEquals(functionsOf(host), before);
});

Deno.test("a start that fails: stopped and release follow, and virsh says why", async () => {
  for (
    const [failing, count] of [["prepare", 3], ["start begin", 4], ["started", 5]] as const
  ) {
    const { host, events, libvirt } = hostOf([failing]);
    const before = functionsOf(host);
    const { state, says } = await libvirt.start(XML);
    assertEquals([state, events.length, events.at(-1)], ["shut off", count, "release end failed: e1000e"]);
    assertStringIncludes(says, "unexpected exit status 1: because");
    assertEquals(functionsOf(host), before);
  }
});

Deno.test("managed='no': refused while the host has it, not looked at again after its first run", async () => {
  const { host, libvirt } = hostOf();
  assertStringIncludes((await libvirt.start(UNMANAGED)).says, "must be manually detached");
  host.modules.load("vfio_pci");
  const fn = host.pci.at(NIC);
  fn.override = "vfio-pci";
  host.pci.unbind(fn);
  host.pci.probe(fn);
  assertEquals((await libvirt.start(UNMANAGED)).state, "running");
  await libvirt.stop("win11");
  assertEquals(fn.driver, "vfio-pci");
  fn.override = null;
  host.pci.unbind(fn);
  host.pci.probe(fn);
  assertStringIncludes((await libvirt.start(UNMANAGED)).says, "is not viable");
  assertEquals(host.harms, [`${NIC} was reset under e1000e`]);
});

Deno.test("what libvirt and QEMU refuse themselves", async () => {
  assertStringIncludes((await hostOf([], bare).libvirt.start(XML)).says, "host doesn't support passthrough");
  const { libvirt } = hostOf();
  assertStringIncludes(
    (await libvirt.start(guestXml({ name: "half", pci: ["0000:01:00.0"] }))).says,
    "group 13 is not viable",
  );
  await libvirt.start(XML);
  assertStringIncludes((await libvirt.start(guestXml({ name: "other", pci: [NIC] }))).says, "in use by driver QEMU");
});

Deno.test("libvirtd that dies: hooks go on without a parent, guests are met again, lost starts are not", async () => {
  const { host, events, libvirt } = hostOf();
  await libvirt.start(XML);
  host.install({
    [HOOK]: async (system) => {
      libvirt.die();
      events.push(`parent ${system.parent()}`);
      await system.until(() => false, 100);
      events.push("went on");
      return 0;
    },
  });
  assertEquals((await libvirt.start(guestXml({ name: "lost" }))).state, "lost");
  assertEquals(events.slice(3), ["parent 1", "went on"]);
  host.install({ [HOOK]: host.programs.get("/etc/libvirt/hooks/daemon")! });
  await libvirt.restart();
  assertEquals(events.slice(5), ["start - start: vfio-pci", "reconnect begin -: vfio-pci"]);
  libvirt.die();
  host.processes.kill(libvirt.running.get("win11")!.qemu!.pid);
  await libvirt.restart();
  assertEquals(events.slice(8), ["stopped end -: vfio-pci", "release end crashed: e1000e"]);
});

Deno.test("a guest that takes a card in use hangs libvirtd, as without any hook", async () => {
  const host = new SimulatedHost(workstation);
  assertEquals(
    (await new SimulatedLibvirt(host).start(guestXml({ name: "win11", pci: ["0000:00:02.0"] }))).state,
    "hung",
  );
  assertEquals(host.pci.at("0000:00:02.0").driver, "i915");
});

Deno.test("faults: strike at the n-th chance, at an address, or always", async () => {
  const run = async (at?: number | string) => {
    const { host, libvirt } = hostOf();
    host.fault({ name: "bind-fails", at });
    const first = await libvirt.start(XML);
    const second = first.state === "running" ? first : await libvirt.start(XML);
    return [first.state, second.state];
  };
  assertEquals(await run(), ["shut off", "shut off"]);
  assertEquals(await run(NIC), ["shut off", "shut off"]);
  assertEquals(await run("0000:09:00.0"), ["running", "running"]);
  assertEquals(await run(1), ["shut off", "running"]);
  assertEquals(await run(2), ["running", "running"]);
  const { host, libvirt } = hostOf();
  await libvirt.start(XML);
  assertEquals([chances("bind-fails", host.operations), chances("unbind-fails", host.operations)], [1, 1]);
  for (const { description } of Object.values(FAULTS)) assert(description.length > 10);
});
