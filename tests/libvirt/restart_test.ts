// libvirtd is restarted while guests run: they live on, whatever the hooks find.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { workstation } from "../simulated/machines.ts";
import { guest, pci } from "./guest.ts";
import { OWN, TestMachine } from "./machine.ts";
import { until } from "../until.ts";

const GPU = "0000:01:00.0";

Deno.test("KILL and start again: reconnect never fails, not even with scripts that do", async () => {
  await using machine = await TestMachine.up();
  machine.noteEvents("win", ["reconnect/begin/10-note", "stopped/end"]);
  machine.script("qemu.d/win/reconnect/begin/20-fails", "echo no >&2; exit 1");
  machine.script("qemu.d/win/reconnect/begin/30-dies", "kill -KILL $$");
  machine.script("qemu.d/other/reconnect/begin", "", 0o777);
  for (const name of ["win", "other"]) assertEquals((await machine.create(guest(name))).code, 0);
  const qemu = machine.ns.read("/run/libvirt/qemu/win.pid");
  await machine.stopLibvirtd("KILL");
  await machine.startLibvirtd();
  await until("all reconnect hooks", () => machine.log.includes("30-dies"));
  for (const name of ["win", "other"]) assertEquals(await machine.state(name), "running");
  assertEquals(machine.ns.read("/run/libvirt/qemu/win.pid"), qemu);
  assertEquals(machine.events, ["win reconnect begin -"]);
  assertStringIncludes(machine.log, "20-fails ended with status 1: no");
});

Deno.test("HUP: scripts for the daemon see it, guests do not notice", async () => {
  await using machine = await TestMachine.up();
  machine.script("daemon.d/-/reload/begin", 'echo "$*" >>/run/events');
  assertEquals((await machine.create(guest("win"))).code, 0);
  await machine.ns.signal("HUP", machine.libvirtd);
  await until("the reload", () => machine.events.length > 0);
  assertEquals(machine.events, ["- reload begin SIGHUP"]);
  assertEquals(await machine.state("win"), "running");
});

for (const signal of ["KILL", "TERM"] as const) {
  Deno.test(`${signal} under a guest with a card: it keeps the card, and gives it back at its end`, async () => {
    await using machine = await TestMachine.up(workstation);
    assertEquals((await machine.create(guest("win", pci(GPU)))).code, 0);
    await machine.stopLibvirtd(signal);
    assertMatch((await machine.ns.run(`${OWN}/virt-aid`, "recover")).stdout, /^win: left: it is running\n$/);
    await machine.startLibvirtd();
    await machine.reconnected("win");
    await until("the recovery that libvirtd's start began", () => machine.log.includes("recovery started"));
    await machine.unattended();
    assertEquals(machine.journals.map(({ state }) => state), ["running"]);
    assertEquals(machine.host.pci.at(GPU).driver, "vfio-pci");
    await machine.must("destroy", "win");
    assertEquals(machine.changed, {}, machine.log);
    assertEquals([machine.journals, machine.outcomes], [[], ["returned"]]);
  });
}

Deno.test("a guest with a card that ends while libvirtd is away: the card comes back when libvirtd does", async () => {
  await using machine = await TestMachine.up(workstation);
  assertEquals((await machine.create(guest("win", pci(GPU)))).code, 0);
  const qemu = Number(machine.ns.read("/run/libvirt/qemu/win.pid"));
  await machine.stopLibvirtd("KILL");
  await machine.ns.signal("KILL", qemu);
  await until("the end of QEMU", () => !machine.ns.has(`/proc/${qemu}`));
  await machine.startLibvirtd();
  await until("the end of the journal", () => machine.journals.length === 0);
  await machine.unattended();
  assertEquals(machine.changed, {}, machine.log);
  assertEquals(machine.outcomes.length, 1);
  assert(["returned", "recovered"].includes(machine.outcomes[0]!), "release and recovery may both be first");
});
