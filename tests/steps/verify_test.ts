import { assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import type { Step } from "../../lib/step.ts";
import { hostOf, NIC } from "../on-host.ts";
import type { PciFunction } from "../simulated/pci-function.ts";
import { look, take, takeBack } from "./step.ts";

const STEP: Step = { kind: "verify", address: NIC, driver: "vfio-pci" };

/** A host whose network card is with vfio-pci, but for something. */
function handedOver(change: (fn: PciFunction) => void = () => {}) {
  const host = hostOf();
  host.modules.load("vfio_pci");
  const fn = host.pci.at(NIC);
  host.pci.unbind(fn);
  fn.override = "vfio-pci";
  host.pci.probe(fn);
  change(fn);
  return host;
}

Deno.test("verify, apply: content, with the override and without", async () => {
  for (const host of [handedOver(), handedOver((fn) => fn.override = null)]) {
    assertEquals(await look(host, STEP), { already: false });
    host.operations.length = 0;
    await take(host, STEP);
    assertEquals(host.operations, [], "it only looks");
  }
});

Deno.test("verify, apply: another driver, none, and an override for another", async () => {
  await assertRejects(() => take(hostOf(), STEP), AidError, `${NIC} is on e1000e and not on vfio-pci`);
  const free = handedOver();
  free.pci.unbind(free.pci.at(NIC));
  await assertRejects(() => take(free, STEP), AidError, `${NIC} is on no driver and not on vfio-pci`);
  const other = handedOver((fn) => fn.override = "e1000e");
  await assertRejects(() => take(other, STEP), AidError, `driver_override of ${NIC} is e1000e and not vfio-pci`);
});

Deno.test("verify, undo: nothing", async () => {
  const host = handedOver();
  host.operations.length = 0;
  await takeBack(host, STEP, { already: false });
  assertEquals(host.operations, []);
});
