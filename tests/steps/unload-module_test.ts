import { assert, assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import type { Step } from "../../lib/step.ts";
import { GPU, hostOf } from "../on-host.ts";
import { Hung } from "../simulated/errno.ts";
import { singleNvidia } from "../simulated/gpu-machines.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { look, take, takeBack } from "./step.ts";

const NODE = "/dev/nvidia-uvm";
const STEP: Step = { kind: "unload-module", module: "nvidia_uvm", functions: [], limitMs: 10_000 };
const SMI = { comm: "nvidia-smi", args: ["/usr/bin/nvidia-smi"], open: [NODE] } as const;

/** A host whose card nobody has open. */
const idle = () => hostOf({ ...singleNvidia, units: [] });
const loaded = ({ modules }: SimulatedHost, ...names: readonly string[]) =>
  names.map((name) => modules.all.get(name)!.loaded);

Deno.test("unload-module: gone, and loaded again; twice does no harm", async () => {
  const host = idle();
  const before = await take(host, STEP);
  assertEquals([before, loaded(host, "nvidia_uvm")], [{ already: false }, [false]]);
  assertEquals(await look(host, STEP), { already: true }, "another guest has done it");
  await takeBack(host, STEP, before);
  await takeBack(host, STEP, before);
  assertEquals(loaded(host, "nvidia_uvm"), [true]);
});

Deno.test("unload-module: functions that lose their driver with the module come home with it, wherever it was left", async () => {
  const home: Step = { kind: "unbind", address: GPU, driver: "nvidia", module: "nvidia" };
  const last: Step = { ...STEP, module: "nvidia", functions: [home] };
  for (const reserved of [null, "vfio-pci"]) {
    const host = idle();
    for (const module of ["nvidia_uvm", "nvidia_drm", "nvidia_modeset"]) await take(host, { ...STEP, module });
    host.pci.at(GPU).override = reserved;
    const before = await take(host, last);
    assertEquals([host.pci.at(GPU).driver, loaded(host, "nvidia")], [undefined, [false]]);
    await takeBack(host, last, before);
    await takeBack(host, last, before);
    assertEquals([host.pci.at(GPU).driver, loaded(host, "nvidia")], ["nvidia", [true]]);
  }
});

Deno.test("unload-module, undo: that modprobe says yes is not believed", async () => {
  const host = idle();
  const before = await take(host, STEP);
  host.commands.set("/usr/sbin/modprobe", () => ({ code: 0 }));
  const error = await assertRejects(() => takeBack(host, STEP, before), AidError, "but it is not loaded");
  assertEquals(error.hint, "`virt-aid recover` tries again");
});

Deno.test("unload-module: what the module needed stays, drm above all", async () => {
  const host = idle();
  const needed = ["nvidia", "nvidia_modeset", "drm"] as const;
  await take(host, STEP);
  await take(host, { ...STEP, module: "nvidia_drm" });
  assertEquals(loaded(host, "nvidia_drm", ...needed), [false, true, true, true]);
});

Deno.test("unload-module, look: a module that is part of the kernel, and one that is not there, stay as they are", async () => {
  const host = hostOf({ ...singleNvidia, modules: [{ name: "amdgpu", builtin: true }] });
  host.tree.folder("/sys/module/amdgpu/parameters");
  for (const module of ["amdgpu", "nonsense"]) {
    assertEquals(await look(host, { ...STEP, module }), { already: true });
  }
});

Deno.test("unload-module, apply: it is tried again until the last user has gone", async () => {
  const host = idle();
  const { pid } = host.processes.spawn(SMI);
  host.after(3_000, () => host.processes.kill(pid));
  await take(host, STEP);
  assertEquals(loaded(host, "nvidia_uvm"), [false]);
  assert(host.clock.now > 3_000 && host.clock.now < 3_500, `${host.clock.now}`);
});

Deno.test("unload-module, apply: one that stays in use is an error, in time", async () => {
  const host = idle();
  host.processes.spawn(SMI);
  const error = await assertRejects(() => take(host, STEP), AidError, "rmmod nvidia_uvm: ");
  assertEquals(error.hint, "look at `lsmod` and at who uses the card");
  assertEquals(loaded(host, "nvidia_uvm"), [true]);
  assert(host.clock.now > 30_000 && host.clock.now < 32_000, `${host.clock.now}`);
});

Deno.test("unload-module, apply: what rmmod says counts, also when the module is gone afterwards", async () => {
  const host = idle();
  host.commands.set("/usr/sbin/rmmod", (host) => {
    if (loaded(host, "nvidia_uvm")[0]) host.modules.unload("nvidia_uvm");
    return { code: 1, stderr: "rmmod: ERROR: could not remove 'nvidia_uvm': No such device\n" };
  });
  await assertRejects(() => take(host, STEP), AidError, "rmmod nvidia_uvm: ");
});

Deno.test("unload-module, apply: an rmmod that hangs, and none, are errors, in time", async () => {
  const hangs = idle();
  hangs.commands.set("/usr/sbin/rmmod", () => {
    throw new Hung("rmmod");
  });
  const missing = idle();
  missing.commands.delete("/usr/sbin/rmmod");
  for (const [host, why] of [[hangs, "timeout"], [missing, "missing"]] as const) {
    await assertRejects(() => take(host, STEP), AidError, `rmmod nvidia_uvm: ${why}`);
    assert(host.clock.now < 32_000, `${host.clock.now}`);
  }
});

Deno.test("unload-module, undo: a module that cannot be loaded is an error that says what to run", async () => {
  const host = idle();
  const before = await take(host, STEP);
  host.fault({ name: "modprobe-fails" });
  const message = "modprobe nvidia_uvm: modprobe: ERROR: could not insert 'nvidia_uvm': No such device";
  const error = await assertRejects(() => takeBack(host, STEP, before), AidError, message);
  assertEquals(error.hint, "run `modprobe nvidia_uvm` and look at dmesg");
});

Deno.test("unload-module, apply: one that stays in use is an error in the words of rmmod", async () => {
  const host = hostOf({ ...singleNvidia, units: [] });
  host.processes.spawn({ comm: "nvidia-smi", args: ["/usr/bin/nvidia-smi"], open: ["/dev/nvidia-uvm"] });
  await assertRejects(() => take(host, STEP), AidError, "rmmod: ERROR: Module nvidia_uvm is in use");
});
