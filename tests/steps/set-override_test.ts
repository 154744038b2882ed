import { assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import type { Step } from "../../lib/step.ts";
import { hostOf, NIC } from "../on-host.ts";
import { look, take, takeBack } from "./step.ts";

const STEP: Step = { kind: "set-override", address: NIC, driver: "vfio-pci" };

Deno.test("set-override, apply: written, and the driver that it is on stays", async () => {
  const host = hostOf();
  const fn = host.pci.at(NIC);
  assertEquals(await take(host, STEP), { already: false, override: null });
  assertEquals([fn.override, fn.driver], ["vfio-pci", "e1000e"]);
  assertEquals(await look(host, STEP), { already: false, override: "vfio-pci" }, "its undo is wanted all the same");
  host.operations.length = 0;
  await take(host, STEP);
  assertEquals(host.operations, [], "what says so already is not written again");
});

Deno.test("set-override, apply: an answer of the kernel, and a write that does not hold, are errors", async () => {
  await assertRejects(() => take(hostOf(undefined, [{ name: "override-fails" }]), STEP), TypeError, "Invalid argument");
  await assertRejects(
    () => take(hostOf(undefined, [{ name: "override-ignored" }]), STEP),
    AidError,
    `driver_override of ${NIC} is null after vfio-pci was written to it`,
  );
});

for (const override of [null, "e1000e"]) {
  Deno.test(`set-override, undo: ${override ?? "none"}, as before; twice does no harm`, async () => {
    const host = hostOf();
    host.pci.at(NIC).override = override;
    const before = await take(host, STEP);
    await takeBack(host, STEP, before);
    await takeBack(host, STEP, before);
    assertEquals(host.pci.at(NIC).override, override);
  });
}

Deno.test("set-override, undo: a function that is gone has none, one that cannot be cleared is an error", async () => {
  const host = hostOf(undefined, [{ name: "clear-fails" }]);
  const before = await take(host, STEP);
  await assertRejects(() => takeBack(host, STEP, before), TypeError, "Invalid argument");
  host.pci.drop(host.pci.at(NIC));
  await takeBack(host, STEP, before);
});
