import { assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import type { Step } from "../../lib/step.ts";
import { hostOf, NIC } from "../on-host.ts";
import { workstation } from "../simulated/machines.ts";
import { look, take, takeBack } from "./step.ts";

const COLD: Step = { kind: "set-power", address: NIC, attribute: "d3cold_allowed", value: "0" };
const AWAKE: Step = { kind: "set-power", address: NIC, attribute: "power/control", value: "on" };

/** The workstation with power settings of the network card. */
function hostWith(power: "on" | "auto", d3cold: boolean) {
  const functions = workstation.functions.map((fn) => fn.address === NIC ? { ...fn, power, d3cold } : fn);
  return hostOf({ ...workstation, functions });
}

Deno.test("set-power, apply: written, also where it is so already: drivers change it when they come and go", async () => {
  const host = hostWith("auto", true);
  assertEquals(await take(host, COLD), { already: false, value: "1" });
  assertEquals(await take(host, AWAKE), { already: false, value: "auto" });
  assertEquals([host.pci.at(NIC).d3cold, host.pci.at(NIC).control], [false, "on"]);
  const again = [await look(host, COLD), await look(host, AWAKE)];
  assertEquals(again, [{ already: false, value: "0" }, { already: false, value: "on" }]);
});

Deno.test("set-power, apply: a function without the attribute is as it has to be", async () => {
  const host = hostOf();
  host.tree.drop(`${host.pci.at(NIC).path}/d3cold_allowed`);
  assertEquals(await look(host, COLD), { already: true, value: null });
});

Deno.test("set-power, apply: an answer of the kernel, and a write that does not hold, are errors", async () => {
  const host = hostWith("auto", true);
  const fault = host.fault({ name: "power-fails", times: 1 });
  await assertRejects(() => take(host, AWAKE), Error, "Input/output error");
  assertEquals(fault.struck, 1);
  host.fault({ name: "power-ignored" });
  await assertRejects(() => take(host, AWAKE), AidError, `power/control of ${NIC} is auto after on was written to it`);
});

Deno.test("set-power, undo: as before; twice does no harm, and one that is gone has none", async () => {
  const host = hostWith("auto", true);
  const [cold, awake] = [await take(host, COLD), await take(host, AWAKE)];
  for (let twice = 0; twice < 2; twice++) {
    await takeBack(host, AWAKE, awake);
    await takeBack(host, COLD, cold);
    assertEquals([host.pci.at(NIC).d3cold, host.pci.at(NIC).control], [true, "auto"]);
  }
  host.pci.drop(host.pci.at(NIC));
  await takeBack(host, AWAKE, awake);
});

Deno.test("vfio-pci lets a function sleep that it takes, and no more when it is unbound", async () => {
  const host = hostOf();
  const fn = host.pci.at(NIC);
  host.pci.unbind(fn);
  fn.override = "vfio-pci";
  host.modules.load("vfio_pci");
  assertEquals([fn.driver, await look(host, AWAKE)], ["vfio-pci", { already: false, value: "auto" }]);
  host.pci.unbind(fn);
  assertEquals(await look(host, AWAKE), { already: false, value: "on" });
});
