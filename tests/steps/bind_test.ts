import { assert, assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import type { Step } from "../../lib/step.ts";
import { hostOf, NIC } from "../on-host.ts";
import type { Fault } from "../simulated/faults.ts";
import { workstation } from "../simulated/machines.ts";
import { look, take, takeBack } from "./step.ts";

const STEP: Step = { kind: "bind", address: NIC, driver: "vfio-pci" };

/** A host on which the network card waits for vfio-pci. */
function waiting(...faults: Fault[]) {
  const host = hostOf(undefined, faults);
  host.modules.load("vfio_pci");
  const fn = host.pci.at(NIC);
  fn.override = "vfio-pci";
  host.pci.unbind(fn);
  host.operations.length = 0;
  return host;
}

Deno.test("bind, apply: the function is on vfio-pci; whoever was faster did it right too", async () => {
  const host = waiting();
  assertEquals(await take(host, STEP), { already: false, enable: 0 });
  assertEquals(host.pci.at(NIC).driver, "vfio-pci");
  assertEquals(
    [await look(host, STEP), host.operations.length],
    [{ already: false, enable: 0 }, 1],
    "it is to go back",
  );
  await take(host, STEP);
  assertEquals(host.operations.length, 1);
});

for (const name of ["bind-fails", "bind-ignored"]) {
  Deno.test(`bind, apply: ${name}: said, with where the function is`, async () => {
    await assertRejects(
      () => take(waiting({ name }), STEP),
      AidError,
      `${NIC} is without a driver after it was offered to vfio-pci`,
    );
  });
}

Deno.test("bind, apply: another driver took it", async () => {
  const host = waiting();
  host.pci.at(NIC).override = null;
  await assertRejects(() => take(host, STEP), AidError, `${NIC} is on e1000e after it was offered to vfio-pci`);
});

Deno.test("bind, undo: the function is free; twice does no harm", async () => {
  const host = waiting();
  const before = await take(host, STEP);
  await takeBack(host, STEP, before);
  await takeBack(host, STEP, before);
  assertEquals([host.pci.at(NIC).driver, host.harms], [undefined, []]);
});

Deno.test("bind, undo: one that never happened, is with the host again, or is gone from the bus, is left alone", async () => {
  const host = waiting();
  await takeBack(host, STEP, { already: false });
  host.pci.at(NIC).override = null;
  host.pci.probe(host.pci.at(NIC));
  await takeBack(host, STEP, { already: false });
  assertEquals(host.pci.at(NIC).driver, "e1000e");
  host.pci.drop(host.pci.at(NIC));
  await takeBack(host, STEP, { already: false });
});

/** A QEMU that has the function. */
function qemu(host: ReturnType<typeof waiting>) {
  const process = host.processes.spawn({ pid: 640, comm: "qemu-system-x86", args: ["/usr/bin/qemu-system-x86_64"] });
  host.processes.open(process, "/dev/vfio/15");
  host.processes.open(process, "anon_inode:[vfio-device]", `vfio ${NIC}`);
  return process;
}

Deno.test("bind, undo: QEMU that is about to be gone is waited for", async () => {
  const host = waiting();
  const before = await take(host, STEP);
  const process = qemu(host);
  host.after(1_000, () => host.processes.kill(process.pid));
  await takeBack(host, STEP, before);
  assert(host.clock.now > 1_000);
  assertEquals(host.pci.at(NIC).driver, undefined);
});

Deno.test("bind, undo: QEMU that stays is named, and the function is not taken from under it", async () => {
  const host = waiting();
  const before = await take(host, STEP);
  qemu(host);
  const error = await assertRejects(
    () => takeBack(host, STEP, before),
    AidError,
    `${NIC} is still open in qemu-system-x86 (pid 640)`,
  );
  assert(error.hint?.includes("virt-aid recover") && host.clock.now < 7_000);
  assertEquals(host.pci.at(NIC).driver, "vfio-pci");
});

Deno.test("bind, undo: a vfio-pci that does not let go", async () => {
  const host = waiting({ name: "vfio-unbind-ignored" });
  const before = await take(host, STEP);
  await assertRejects(() => takeBack(host, STEP, before), AidError, `${NIC} is still on vfio-pci after its unbind`);
});

Deno.test("bind, undo: a host driver that leaves its function switched on is not taken for somebody who has it open", async () => {
  const functions = workstation.functions.map((fn) => fn.address === NIC ? { ...fn, driver: "i801_smbus" } : fn);
  const host = hostOf({ ...workstation, functions });
  host.modules.load("vfio_pci");
  const fn = host.pci.at(NIC);
  fn.override = "vfio-pci";
  host.pci.unbind(fn);
  const before = await take(host, STEP);
  assertEquals([before, host.pci.enabled(fn)], [{ already: false, enable: 1 }, 1]);
  await takeBack(host, STEP, before);
  assertEquals([fn.driver, host.harms], [undefined, []]);
});
