import { assert, assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import type { Step } from "../../lib/step.ts";
import { GPU, hostOf, NIC } from "../on-host.ts";
import { functionsOf } from "../simulated/snapshot.ts";
import { look, take, takeBack } from "./step.ts";

const STEP: Step = { kind: "unbind", address: GPU, driver: "nouveau", module: "nouveau" };
const BLENDER = { pid: 812, comm: "blender", args: ["/usr/bin/blender"], uid: 1000, open: ["/dev/dri/card1"] };

Deno.test("unbind, apply: the function has no driver; one that had none by then is left so", async () => {
  const host = hostOf();
  assertEquals(await look(host, STEP), { already: false });
  await take(host, STEP);
  assertEquals([host.pci.at(GPU).driver, host.harms], [undefined, []]);
  host.operations.length = 0;
  assertEquals(await take(host, STEP), { already: false }, "it goes home all the same");
  assertEquals(host.operations, []);
});

Deno.test("unbind, apply: one that went where it is reserved for, free since its module was unloaded, is all right", async () => {
  const host = hostOf();
  const fn = host.pci.at(GPU);
  fn.override = "vfio-pci";
  host.modules.load("vfio_pci");
  host.modules.unload("nouveau");
  host.pci.probe(fn); // a rule of udev
  await take(host, STEP);
  assertEquals([fn.driver, host.harms], ["vfio-pci", []]);
  fn.override = "pci-stub";
  await assertRejects(() => take(host, STEP), AidError, `${GPU} went from nouveau to vfio-pci by itself`);
});

Deno.test("unbind, apply: who has it open is given some seconds, and then named, with nothing unbound", async () => {
  const host = hostOf();
  host.processes.spawn(BLENDER);
  const error = await assertRejects(() => take(host, STEP), AidError, `${GPU} is held by blender (pid 812, user ann)`);
  assert(error.hint?.includes("blender") && host.clock.now > 2_900 && host.clock.now < 5_000);
  assertEquals([host.pci.at(GPU).driver, host.operations], ["nouveau", []]);
});

Deno.test("unbind, apply: who lets go meanwhile, or ends, is waited for; who comes meanwhile is named", async () => {
  const host = hostOf();
  const process = host.processes.spawn(BLENDER);
  host.after(500, () => host.processes.close(process, "/dev/dri/card1"));
  await take(host, STEP);
  assertEquals(host.pci.at(GPU).driver, undefined);

  const other = hostOf();
  const first = other.processes.spawn(BLENDER);
  other.after(500, () => {
    other.processes.spawn({ ...BLENDER, pid: 813, comm: "steam" });
    other.processes.kill(first.pid);
  });
  await assertRejects(() => take(other, STEP), AidError, "is held by steam (pid 813");
  assertEquals(other.pci.at(GPU).driver, "nouveau");
});

Deno.test("unbind, apply: where nobody can have it open, who cannot be looked into does not count", async () => {
  const closed = { ...BLENDER, open: [], confined: "wholly" as const };
  const host = hostOf();
  host.processes.spawn(closed);
  await take(host, { kind: "unbind", address: NIC, driver: "e1000e", module: "e1000e" });
  assertEquals(host.pci.at(NIC).driver, undefined, "a NIC has no nodes");
  await take(host, STEP);
  assertEquals(host.pci.at(GPU).driver, undefined, "nothing refers to nouveau");

  for (const more of [{ open: ["/dev/dri/card1"] }, {}]) {
    const other = hostOf();
    other.processes.spawn({ ...closed, ...more });
    const step = "open" in more ? STEP : { ...STEP, module: undefined }; // part of the kernel: nothing counts references
    await assertRejects(() => take(other, step), AidError, "which cannot be looked into");
  }
});

Deno.test("unbind, apply: a function that went to another driver is not unbound from that", async () => {
  const host = hostOf();
  await assertRejects(
    () => take(host, { ...STEP, address: NIC }),
    AidError,
    `${NIC} went from nouveau to e1000e by itself`,
  );
  assertEquals(host.pci.at(NIC).driver, "e1000e");
});

Deno.test("unbind, apply: an answer of the kernel, and an unbind that does not hold, are errors", async () => {
  await assertRejects(() => take(hostOf(undefined, [{ name: "unbind-fails" }]), STEP), Deno.errors.Busy);
  const ignored = hostOf(undefined, [{ name: "unbind-ignored" }]);
  await assertRejects(() => take(ignored, STEP), AidError, `${GPU} is still on nouveau after its unbind`);
});

Deno.test("unbind, undo: the function is on its driver again, with all its nodes; twice does no harm", async () => {
  const host = hostOf();
  const start = functionsOf(host);
  const before = await take(host, STEP);
  await takeBack(host, STEP, before);
  await takeBack(host, STEP, before);
  assertEquals(functionsOf(host)[GPU], { ...start[GPU]!, override: "nouveau" }, "set-override's undo clears that");
});

Deno.test("unbind, undo: a step that never happened is no work", async () => {
  const host = hostOf();
  await takeBack(host, STEP, { already: false });
  assertEquals(host.operations, []);
});
