import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import { platformDriver } from "../../lib/host/display.ts";
import type { Step } from "../../lib/step.ts";
import { hostOf, on } from "../on-host.ts";
import { singleNvidia } from "../simulated/gpu-machines.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { look, take, takeBack } from "./step.ts";

const GPU = "0000:01:00.0";
const DEVICE = "efi-framebuffer.0";
const STEP: Step = { kind: "unbind-firmware", device: DEVICE };
const driver = (host: SimulatedHost, device = DEVICE) => on(host, (system) => platformDriver(system, device));

Deno.test("unbind-firmware: off its driver, whichever that is, and back on it; twice does no harm", async () => {
  for (const name of ["efi-framebuffer", "simple-framebuffer", "vesa-framebuffer"] as const) {
    const functions = singleNvidia.functions.map((fn) => fn.address === GPU ? { ...fn, firmware: name } : fn);
    const host = hostOf({ ...singleNvidia, functions });
    const step: Step = { ...STEP, device: `${name}.0` };
    const before = await take(host, step);
    assertEquals(before, { already: false, driver: name });
    assertEquals(await driver(host, step.device), undefined);
    assertEquals(await look(host, step), { already: true, driver: null });
    for (let twice = 0; twice < 2; twice++) {
      assertEquals(await takeBack(host, step, before), undefined);
      assertEquals(await driver(host, step.device), name);
    }
  }
});

Deno.test("unbind-firmware: one that the card's driver has removed at boot is as it has to be", async () => {
  assertEquals(await look(hostOf(), STEP), { already: true, driver: null });
});

Deno.test("unbind-firmware, apply: an answer of the kernel, and an unbind that does not hold, are errors", async () => {
  await assertRejects(
    () => take(hostOf(singleNvidia, [{ name: "firmware-fails" }]), STEP),
    Error,
    "Input/output error",
  );
  const ignored = hostOf(singleNvidia, [{ name: "firmware-ignored" }]);
  const error = await assertRejects(() => take(ignored, STEP), AidError, `${DEVICE} stays on efi-framebuffer`);
  assertEquals(error.hint, "look at dmesg");
});

Deno.test("unbind-firmware, undo: one that a driver has taken away for good is not missing", async () => {
  const host = hostOf({ ...singleNvidia, units: [] });
  const before = await take(host, STEP);
  const gpu = host.pci.at(GPU);
  host.pci.unbind(gpu);
  host.pci.bind(gpu, "nouveau");
  host.operations.length = 0;
  assertEquals([await takeBack(host, STEP, before), host.operations], [undefined, []]);
});

Deno.test("unbind-firmware, undo: one that cannot be shown again is said, and nothing is left to do", async () => {
  const host = hostOf(singleNvidia);
  const before = await take(host, STEP);
  host.fault({ name: "firmware-fails" });
  const note = String(await takeBack(host, STEP, before));
  assertStringIncludes(note, `${DEVICE} cannot be shown again: Input/output error`);
  assertStringIncludes(note, "text consoles may stay dark");
});

Deno.test("unbind-firmware, undo: a bind that does nothing is said", async () => {
  const host = hostOf(singleNvidia);
  const before = await take(host, STEP);
  host.fault({ name: "firmware-ignored" });
  assertEquals(await takeBack(host, STEP, before), `${DEVICE} is not shown again`);
});
