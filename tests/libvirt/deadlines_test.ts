// What hangs is killed at its deadline, and libvirt goes on. Deadlines are a minute long, so all of these run at once.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Hung } from "../simulated/errno.ts";
import { workstation } from "../simulated/machines.ts";
import { guest, pci } from "./guest.ts";
import { HOOKS, OWN, TestMachine } from "./machine.ts";
import { until } from "../until.ts";

const NIC = "0000:02:00.0";
const GPU = "0000:01:00.0";

/** Seconds that something takes. */
async function seconds<T>(doing: Promise<T>): Promise<[number, T]> {
  const began = performance.now();
  const done = await doing;
  return [(performance.now() - began) / 1000, done];
}

/** Scripts that never end. */
async function scripts(): Promise<void> {
  await using machine = await TestMachine.up();
  const hangs = (event: string) => machine.script(`qemu.d/${event.split("/")[0]}/${event}`, "sleep 1000 & sleep 1000");
  for (const event of ["prepare/begin", "started/begin", "release/end"]) hangs(event);
  machine.noteEvents("prepare", ["stopped/end", "release/end"]);
  const late = /did not end in time and was killed\n.*hint: the scripts of one event have 60 s together/;
  const start = async (name: string) => {
    const [time, { code, stderr }] = await seconds(machine.create(guest(name)));
    assertEquals(code, 1);
    assertMatch(stderr, late);
    assert(time > 59 && time < 100, `${name}: ${time} s`);
  };
  const end = async () => {
    assertEquals((await machine.create(guest("release"))).code, 0);
    const [time, { code }] = await seconds(machine.virsh("destroy", "release"));
    assertEquals(code, 0);
    assert(time > 59 && time < 100, `release: ${time} s`);
  };
  await Promise.all([start("prepare"), start("started"), end()]);
  assertEquals(machine.events, ["prepare stopped end -", "prepare release end -"]);
  assertEquals(await machine.ns.pidsOf("/usr/bin/sleep"), [], "what a script started went with it");
}

/** An unbind that never returns. */
async function unbind(): Promise<void> {
  await using machine = await TestMachine.up(workstation, [{ name: "unbind-hangs", at: GPU }]);
  const start = seconds(machine.create(guest("win", pci(GPU))));
  await until("the call that hangs", () => machine.sysfs!.waiting.length > 0);
  assertEquals((await machine.create(guest("other", pci(NIC)))).code, 0, "nobody else waits for it");

  const [time, { code, stderr }] = await start;
  assertEquals(code, 1);
  assert(time > 59 && time < 100, `${time} s`);
  assertMatch(
    stderr,
    new RegExp(`prepare-begin did not end within 60 s and was killed; it hangs at: unbind ${GPU} from nouveau`),
  );
  assertStringIncludes(stderr, "hint: a device that does not answer is only freed by a reboot");
  assertEquals(Object.keys(machine.changed), [GPU, NIC], "what does not hang was taken back");
  await machine.unattended(HOOKS, machine.sysfs!.waiting.length);
  assertEquals(machine.journals.map(({ guest, state }) => `${guest.name} ${state}`).sort(), [
    "other running",
    "win failed",
  ]);
}

/** A vfio-pci that never lets go. */
async function release(): Promise<void> {
  await using machine = await TestMachine.up(workstation);
  assertEquals((await machine.create(guest("win", pci(NIC)))).code, 0);
  machine.host.fault({ name: "vfio-unbind-hangs", at: NIC });
  const [time, { code }] = await seconds(machine.virsh("destroy", "win"));
  assertEquals(code, 0);
  assert(time > 59 && time < 100, `${time} s`);
  assertStringIncludes(
    machine.log,
    `release-end did not end within 60 s and was killed; it hangs at: undo of bind ${NIC}`,
  );
  await until("the recovery", () => machine.journals[0]?.state === "failed");
  assertStringIncludes((await machine.ns.run(`${OWN}/virt-aid`, "recover")).stderr, `only a reboot frees ${NIC}`);
}

/** A program that was stopped dead. */
async function stopped(): Promise<void> {
  await using machine = await TestMachine.up(workstation);
  let go = false;
  const modprobe = machine.host.commands.get("/usr/sbin/modprobe")!;
  machine.host.commands.set("/usr/sbin/modprobe", (...args) => {
    if (!go) throw new Hung("modprobe", () => go);
    return modprobe(...args);
  });
  const start = seconds(machine.create(guest("win", pci(GPU))));
  await until("the call that hangs", () => machine.sysfs!.waiting.length > 0);
  const [phase] = await machine.ns.pidsOf(`${OWN}/prepare-begin`);
  await machine.ns.signal("STOP", phase!);
  go = true;
  machine.sysfs!.settle();
  const [time, { code, stderr }] = await start;
  assertEquals(code, 1);
  assert(time > 59 && time < 100, `${time} s`);
  assertStringIncludes(stderr, "prepare-begin did not end within 60 s and was killed; it hangs at: load vfio-pci");
  assertEquals(machine.changed, {}, machine.log);
  assertEquals([machine.journals, machine.outcomes], [[], ["returned"]]);
}

/** Steps run at the same time. */
const RELAXED = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };

Deno.test("deadlines", { ...RELAXED }, async (t) => {
  const steps = Object.entries({ scripts, unbind, release, stopped });
  const done = await Promise.all(steps.map(([name, fn]) => t.step({ name, fn, ...RELAXED })));
  assertEquals(done, done.map(() => true));
});
