/** The table of drivers: what each of its rows does is in tests/scenarios/drivers_test.ts. */

import { assertEquals } from "@std/assert";
import { GPU_DRIVERS, GPU_SERVICES } from "../../lib/host/gpu-drivers.ts";
import { driverSpec } from "../simulated/drivers.ts";

Deno.test("drivers of graphics cards: those that a guest's life was tried with", () => {
  assertEquals(Object.keys(GPU_DRIVERS).sort(), ["amdgpu", "i915", "nouveau", "nvidia", "radeon", "xe"]);
});

Deno.test("drivers of graphics cards: all of their services are asked about, each once", () => {
  assertEquals(GPU_SERVICES, ["nvidia-persistenced.service", "nvidia-powerd.service", "lactd.service"]);
});

for (const [driver, { unload }] of Object.entries(GPU_DRIVERS)) {
  if (!unload) continue;
  Deno.test(`${driver}: the module that its cards are bound by is the last to go`, () => {
    assertEquals(unload.at(-1), driverSpec(driver).module);
  });
}
