import { assertEquals } from "@std/assert";
import { few } from "../../lib/preflight/finding.ts";
import { targetsOf } from "../../lib/preflight/targets.ts";
import { factsOf, GPU, NIC, SOUND } from "../on-host.ts";
import type { FunctionSpec } from "../simulated/machine.ts";
import { server, workstation } from "../simulated/machines.ts";

/** What goes where, with a `+` before what comes along. */
async function going(pci: readonly string[], machine = workstation): Promise<string[]> {
  const { targets } = await factsOf({ pci }, machine);
  return targets.map(({ fn, driver, companion }) => `${companion ? "+" : ""}${fn.address} ${driver}`);
}

const change = (address: string, more: Partial<FunctionSpec>) => ({
  ...workstation,
  functions: workstation.functions.map((fn) => fn.address === address ? { ...fn, ...more } : fn),
});

Deno.test("a card's other functions come along, its GPU last", async () => {
  assertEquals(await going([GPU]), [`+${SOUND} vfio-pci`, `${GPU} vfio-pci`]);
  assertEquals(await going([GPU, SOUND]), [`${SOUND} vfio-pci`, `${GPU} vfio-pci`]);
  assertEquals(await going([SOUND]), [`${SOUND} vfio-pci`, `+${GPU} vfio-pci`]);
  assertEquals(await going([GPU, NIC]), [`${NIC} vfio-pci`, `+${SOUND} vfio-pci`, `${GPU} vfio-pci`]);
});

Deno.test("what does not come along: other groups, other slots, what has no driver, what is with vfio", async () => {
  assertEquals(await going(["0000:03:00.0"], server), ["0000:03:00.0 vfio-pci"]);
  const shared = {
    ...server,
    functions: server.functions.map((fn) => fn.net === "ens1f0" ? { ...fn, group: 23 } : fn),
  };
  const ports = ["0000:01:00.0 vfio-pci", "0000:03:00.0 vfio-pci"];
  assertEquals(await going(["0000:01:00.0", "0000:03:00.0"], shared), ports, "port 1 is known, and of another group");
  assertEquals(await going([NIC], change(NIC, { group: 13 })), [`${NIC} vfio-pci`]);
  const chipset = { ...workstation, functions: workstation.functions.map((fn) => ({ ...fn, above: undefined })) };
  assertEquals(await going([GPU], chipset), [`${GPU} vfio-pci`], "on the root bus a slot is no card");
  assertEquals(await going([GPU], change(SOUND, { driver: undefined })), [`${GPU} vfio-pci`]);
  assertEquals(await going([GPU], change(SOUND, { driver: "vfio-pci", override: "vfio-pci" })), [`${GPU} vfio-pci`]);
});

Deno.test("a function stays on the vfio driver that it is on; one that is missing is no target", async () => {
  const machine = {
    ...server,
    functions: server.functions.map((fn) =>
      fn.address === "0000:03:00.0" ? { ...fn, driver: "mlx5_vfio_pci", override: "mlx5_vfio_pci" } : fn
    ),
  };
  assertEquals(await going(["0000:03:00.0", "0000:ff:00.0"], machine), ["0000:03:00.0 mlx5_vfio_pci"]);
});

Deno.test("the driver that the XML names goes before all else, for that function alone", async () => {
  const { domain, host } = await factsOf({ pci: [GPU] });
  const pci = domain.pci.map((device) => ({ ...device, driverModel: "nvgrace_gpu_vfio_pci" }));
  assertEquals(targetsOf({ ...domain, pci }, host).map(({ driver }) => driver), ["vfio-pci", "nvgrace_gpu_vfio_pci"]);
});

Deno.test("a list for people stays short", () => {
  assertEquals(few([]), "");
  assertEquals(few(["a"]), "a");
  assertEquals(few(["a", "b", "c"]), "a, b, c");
  assertEquals(few(["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
});
