import { assert, assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import type { Unbind } from "../../lib/step.ts";
import { goHome } from "../../lib/steps/go-home.ts";
import { GPU, hostOf, on } from "../on-host.ts";
import type { Fault } from "../simulated/faults.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { workstation } from "../simulated/machines.ts";

const STEP: Unbind = { kind: "unbind", address: GPU, driver: "nouveau", module: "nouveau" };

/** A host whose GPU is on its way home from vfio-pci. */
function free(faults: readonly Fault[] = [], machine = workstation): SimulatedHost {
  const host = hostOf(machine, faults);
  const fn = host.pci.at(GPU);
  fn.override = "vfio-pci";
  host.pci.unbind(fn);
  host.operations.length = 0;
  return host;
}

const home = (host: SimulatedHost, step = STEP) => on(host, (system) => goHome(system, step, 30_000));
const did = (host: SimulatedHost) =>
  host.operations.filter(({ kind }) => !["bind", "unbind", "override"].includes(kind)).map(({ kind }) => kind);

Deno.test("a free function is reserved for its driver and offered to it, no more", async () => {
  const host = free();
  await home(host);
  const { driver, override } = host.pci.at(GPU);
  assertEquals([driver, override, did(host), host.harms], ["nouveau", "nouveau", [], []]);
  host.operations.length = 0;
  await home(host);
  assertEquals(host.operations, [], "it is at home");
});

Deno.test("a driver whose module is not loaded: reserved first, so that no other driver takes the function", async () => {
  const functions = workstation.functions.map((fn) =>
    fn.address === GPU ? { ...fn, knownBy: ["amdgpu", "nouveau"] } : fn
  );
  const host = free([], { ...workstation, functions });
  host.pci.at(GPU).override = null;
  host.modules.unload("nouveau");
  host.after(35, () => host.modules.load("amdgpu")); // while modprobe is at work
  await home(host);
  assertEquals([host.pci.at(GPU).driver, did(host)], ["nouveau", ["modprobe"]]);
});

Deno.test("a driver that is part of the kernel, and a module of another name", async () => {
  const host = free();
  await home(host, { ...STEP, module: undefined });
  assertEquals(host.pci.at(GPU).driver, "nouveau");
});

const WAYS = [
  ["return-needs-reset", ["reset"]],
  ["return-needs-rescan", ["reset", "remove", "rescan"]],
] as const;

for (const [name, ways] of WAYS) {
  Deno.test(`${name}: ${ways.join(", ")}`, async () => {
    const host = free([{ name }]);
    await home(host);
    assertEquals([host.pci.at(GPU).driver, did(host), host.harms], ["nouveau", ways, []]);
  });
}

Deno.test("a function that cannot be reset is removed and found again", async () => {
  const functions = workstation.functions.map((fn) => fn.address === GPU ? { ...fn, resets: [] } : fn);
  const host = free([{ name: "return-needs-rescan" }], { ...workstation, functions });
  await home(host);
  assertEquals([host.pci.at(GPU).driver, did(host)], ["nouveau", ["remove", "rescan"]]);
});

Deno.test("a reset that fails does not keep the next way from being tried", async () => {
  const host = free([{ name: "return-needs-rescan" }, { name: "reset-fails" }]);
  await home(host);
  assertEquals(host.pci.at(GPU).driver, "nouveau");
});

Deno.test("a function that fell off the bus is looked for behind its own bridge", async () => {
  const host = free();
  host.pci.drop(host.pci.at(GPU));
  await home(host);
  assertEquals([host.pci.at(GPU).driver, did(host)], ["nouveau", ["rescan"]]);
});

Deno.test("a driver that takes its time is waited for", async () => {
  const host = free();
  host.tree.file("/sys/bus/pci/drivers_probe", "", 0o200); // nothing happens at once
  host.after(700, () => host.pci.probe(host.pci.at(GPU)));
  await home(host);
  assertEquals([host.pci.at(GPU).driver, did(host)], ["nouveau", []]);
});

Deno.test("a driver that never takes it back: said, with what every way answered", async () => {
  const host = free([{ name: "return-fails" }, { name: "reset-fails" }]);
  const error = await assertRejects(() => home(host), AidError, `${GPU} does not go back to nouveau`);
  assert(error.message.includes("Input/output error") && error.hint?.includes("reboot"), error.message);
});

Deno.test("a function that is with another driver is left there: no reset under that", async () => {
  const host = free();
  host.pci.at(GPU).override = null;
  host.pci.register("pci-stub");
  host.pci.at(GPU).override = "pci-stub";
  host.pci.probe(host.pci.at(GPU));
  host.operations.length = 0;
  const error = await assertRejects(() => home(host), AidError, `${GPU} is on pci-stub and not on nouveau`);
  assertEquals([error.hint?.includes("pci-stub"), host.operations, host.harms], [true, [], []]);
});

Deno.test("a module that cannot be loaded is an error", async () => {
  const host = free([{ name: "modprobe-fails" }]);
  host.modules.unload("nouveau");
  await assertRejects(() => home(host), AidError, "modprobe nouveau: ");
});

Deno.test("a function that is where it was reserved for, and that nobody has open, comes from there", async () => {
  const host = free();
  await on(host, (system) => system.run({ program: "/usr/sbin/modprobe", args: ["--", "vfio-pci"], timeoutMs: 5_000 }));
  host.pci.probe(host.pci.at(GPU));
  assertEquals(host.pci.at(GPU).driver, "vfio-pci");
  await home(host);
  assertEquals([host.pci.at(GPU).driver, host.harms], ["nouveau", []]);
});

Deno.test("a function that is on vfio-pci and open stays there", async () => {
  const host = free();
  await on(host, (system) => system.run({ program: "/usr/sbin/modprobe", args: ["--", "vfio-pci"], timeoutMs: 5_000 }));
  host.pci.probe(host.pci.at(GPU));
  const qemu = host.processes.spawn({ comm: "qemu", args: ["/usr/bin/qemu"] });
  host.processes.open(qemu, "anon_inode:[vfio-device]", `vfio ${GPU}`);
  await assertRejects(() => home(host), AidError, `${GPU} is on vfio-pci and not on nouveau`);
});
