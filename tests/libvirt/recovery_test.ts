// libvirtd goes away in the middle of a hand-over, and nobody will ever call release.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Hung } from "../simulated/errno.ts";
import { workstation } from "../simulated/machines.ts";
import { guest, pci } from "./guest.ts";
import { OWN, TestMachine } from "./machine.ts";
import { until } from "../until.ts";

const NIC = "0000:02:00.0";
const GPU = "0000:01:00.0";
const AUDIO = "0000:01:00.1";

/** A machine whose prepare stops at modprobe until `go` is called. */
async function stopped() {
  const machine = await TestMachine.up(workstation);
  const place = "/usr/sbin/modprobe";
  const modprobe = machine.host.commands.get(place)!;
  machine.host.commands.set(place, () => {
    throw new Hung("modprobe", () => machine.host.commands.get(place) === modprobe);
  });
  const start = machine.create(guest("win", pci(GPU)));
  await until("the call that hangs", () => machine.sysfs!.waiting.length > 0);
  const go = () => {
    machine.host.commands.set(place, modprobe);
    machine.sysfs!.settle();
  };
  return { machine, start, go };
}

Deno.test("libvirtd is killed while a start is prepared: the hook notices at its end and takes everything back", async () => {
  const { machine, start, go } = await stopped();
  await using _ = machine;
  await machine.stopLibvirtd("KILL");
  assertEquals((await start).code, 1);
  go();
  await machine.unattended();
  assertEquals(machine.changed, {}, machine.log);
  assertEquals([machine.journals, machine.outcomes], [[], ["returned"]]);
  assertStringIncludes(machine.log, "libvirtd went away while the guest was prepared, and what was done is undone");
  await machine.startLibvirtd();
  assertEquals((await machine.create(guest("win", pci(GPU)))).code, 0);
});

Deno.test("TERM while a start is prepared: in the end the guest runs with its card, or everything is back", async () => {
  const { machine, start, go } = await stopped();
  await using _ = machine;
  const gone = machine.stopLibvirtd("TERM");
  await until("libvirtd's farewell", () => !machine.ns.has("/run/libvirt/libvirt-sock"));
  go();
  await Promise.all([start, gone]);
  await machine.unattended();
  await machine.startLibvirtd();
  await machine.unattended();
  const running = await machine.state("win") === "running";
  assertEquals(machine.journals.length, running ? 1 : 0, machine.log);
  if (running) await machine.reconnected("win");
  if (running) await machine.must("destroy", "win");
  assertEquals(machine.changed, {}, machine.log);
});

Deno.test("everything is killed in the middle: libvirtd's next start brings it back", async () => {
  await using machine = await TestMachine.up(workstation, [{ name: "bind-hangs", at: GPU }]);
  const start = machine.create(guest("win", pci(NIC) + pci(GPU)));
  await until("the call that hangs", () => machine.sysfs!.waiting.length > 0);
  const ours = await machine.ns.pidsOf("/etc/libvirt/hooks");
  assertEquals(ours.length, 2, "the dispatcher and prepare-begin");
  for (const pid of [machine.libvirtd, ...ours]) await machine.ns.signal("KILL", pid);
  await start;
  // the kernel's call ends after all, its process with it, and the function is as the call left it
  machine.host.heal();
  machine.host.pci.at(GPU).stuck = false;
  machine.sysfs!.abandon();
  await machine.unattended();
  assertEquals(machine.journals.map(({ state }) => state), ["applying"]);
  await machine.startLibvirtd();
  await until("the end of the journal", () => machine.journals.length === 0);
  await machine.unattended();
  assertEquals(machine.changed, {}, machine.log);
  assertEquals(machine.outcomes, ["recovered"]);
});

Deno.test("a start that hangs in the kernel, and libvirtd is killed: recovery leaves what hangs and returns the rest", async () => {
  await using machine = await TestMachine.up(workstation, [{ name: "unbind-hangs", at: GPU }]);
  const start = machine.create(guest("win", pci(GPU) + pci(NIC)));
  await until("the call that hangs", () => machine.sysfs!.waiting.length > 0);
  await machine.stopLibvirtd("KILL");
  await start;
  await machine.startLibvirtd();
  await until(
    "the end of the recovery, which gives a phase as long as a dispatcher does",
    () => machine.journals[0]?.state === "failed",
    120,
  );
  assertEquals(Object.keys(machine.changed), [GPU]);
  assertEquals(machine.journals[0]!.claims, [GPU]);

  const { code, stderr } = await machine.ns.run(`${OWN}/virt-aid`, "recover");
  assertEquals(code, 1);
  assertMatch(stderr, new RegExp(`^virt-aid: win: .*${GPU}.*hang`));
  assertStringIncludes(stderr, `only a reboot frees ${GPU}`);
  assert(!stderr.includes(AUDIO), stderr);
  const second = await machine.create(guest("other", pci(GPU)));
  assertStringIncludes(second.stderr, `${GPU} is in use by guest win`);
  assertEquals((await machine.create(guest("other", pci(NIC)))).code, 0, "what is free can be used");
});
