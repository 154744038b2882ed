import { assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import type { Step } from "../../lib/step.ts";
import { hostOf } from "../on-host.ts";
import { workstation } from "../simulated/machines.ts";
import { look, take, takeBack } from "./step.ts";

const STEP: Step = { kind: "load-module", module: "vfio-pci" };

Deno.test("load-module, apply: the driver is there with what it needs; a second time it is already so", async () => {
  const host = hostOf();
  assertEquals(await take(host, STEP), { already: false });
  assertEquals([host.modules.all.get("vfio_pci")!.loaded, host.modules.all.get("vfio_pci_core")!.loaded], [true, true]);
  assertEquals(await look(host, STEP), { already: true });
  const builtin = hostOf({ ...workstation, modules: [{ name: "vfio_pci", builtin: true }] });
  assertEquals(await look(builtin, STEP), { already: true }, "it is part of the kernel");
});

const FAILURES = [
  ["modprobe-fails", "modprobe vfio-pci: modprobe: ERROR: could not insert 'vfio_pci': No such device"],
  ["modprobe-ignored", "modprobe vfio-pci succeeded, but there is no driver of that name"],
  ["modprobe-hangs", "modprobe vfio-pci: timeout"],
] as const;

for (const [name, message] of FAILURES) {
  Deno.test(`load-module, apply: ${name}`, async () => {
    const host = hostOf(undefined, [{ name }]);
    const error = await assertRejects(() => take(host, STEP), AidError, message);
    assertEquals(error.hint?.includes("vfio-pci"), true);
  });
}

Deno.test("load-module, apply: what modprobe.d forbids, what is not there, and no modprobe", async () => {
  const blocked = hostOf();
  blocked.tree.file("/etc/modprobe.d/block.conf", "install vfio-pci /bin/false\n");
  await assertRejects(() => take(blocked, STEP), AidError, "Error running install command");
  await assertRejects(() => take(hostOf(), { ...STEP, module: "nonsense" }), AidError, "Module nonsense not found");
  const host = hostOf();
  host.commands.delete("/usr/sbin/modprobe");
  await assertRejects(() => take(host, STEP), AidError, "modprobe vfio-pci: missing");
  await assertRejects(() => take(hostOf(), { ...STEP, module: "-r" }), AidError, "Module -r not found");
});

Deno.test("load-module, undo: it stays", async () => {
  const host = hostOf();
  const before = await take(host, STEP);
  host.operations.length = 0;
  await takeBack(host, STEP, before);
  assertEquals([host.modules.all.get("vfio_pci")!.loaded, host.operations], [true, []]);
});
