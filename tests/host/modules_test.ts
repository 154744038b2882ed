import { assertEquals } from "@std/assert";
import { driverState, variantsOf } from "../../lib/host/modules.ts";
import { hostOf, NIC, on } from "../on-host.ts";
import { workstation } from "../simulated/machines.ts";

Deno.test("a driver is loaded, can be loaded, or is missing; file names have dashes or underscores", async () => {
  const host = hostOf({ ...workstation, modules: [{ name: "igb", builtin: true, loaded: true }] });
  const state = (driver: string) => on(host, (system) => driverState(system, driver));
  const table = [
    ["nouveau", "loaded"],
    ["pcieport", "loaded"],
    ["igb", "loaded"],
    ["vfio-pci", "available"],
    ["mlx5_vfio_pci", "available"],
    ["nvgrace_gpu_vfio_pci", "missing"],
    ["vfio", "missing"],
    [".*", "missing"],
  ] as const;
  for (const [driver, expected] of table) assertEquals(await state(driver), expected, driver);
  host.modules.load("vfio_pci");
  assertEquals(await state("vfio-pci"), "loaded");
});

Deno.test("a kernel that was upgraded under the running one has no modules any more", async () => {
  const host = hostOf();
  host.tree.drop(`/lib/modules/${host.kernel}`);
  assertEquals(await on(host, (system) => driverState(system, "vfio-pci")), "missing");
  assertEquals(await on(host, (system) => variantsOf(system, { [NIC]: "pci:v1" })), {});
});

Deno.test("variants: the module whose pattern matches, never vfio-pci itself", async () => {
  const host = hostOf();
  host.tree.file(
    `/lib/modules/${host.kernel}/modules.alias`,
    [
      "# Aliases extracted from modules themselves.",
      "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci",
      "alias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e",
      "alias vfio_pci:v000015B3d0000101[0-9A-E]sv*sd*bc*sc*i* mlx5_vfio_pci",
      "alias vfio_pci:v00008086d0000188?sv*sd*bc*sc*i* ice.vfio",
      "",
    ].join("\n"),
  );
  const pci = (vendor: string, device: string) => `pci:v0000${vendor}d0000${device}sv00000000sd00000000bc02sc00i00`;
  const found = await on(host, (system) =>
    variantsOf(system, {
      mlx5: pci("15B3", "101D"),
      other: pci("15B3", "101F"),
      ice: pci("8086", "1889"),
      nic: pci("8086", "10D3"),
    }));
  assertEquals(found, { mlx5: "mlx5_vfio_pci", ice: "ice.vfio" });
});
