import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import { consoleBound, FRAME_BUFFER_CONSOLE } from "../../lib/host/console.ts";
import type { Step } from "../../lib/step.ts";
import { hostOf, on } from "../on-host.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { workstation } from "../simulated/machines.ts";
import { look, take, takeBack } from "./step.ts";

const STEP: Step = { kind: "unbind-console", console: FRAME_BUFFER_CONSOLE };
const IGPU = "0000:00:02.0";
/** Nobody has a card open. */
const IDLE = { ...workstation, processes: [] };
const bound = (host: SimulatedHost) => on(host, (system) => consoleBound(system, FRAME_BUFFER_CONSOLE));

Deno.test("unbind-console: off the frame buffer and back; twice does no harm", async () => {
  const host = hostOf();
  const before = await take(host, STEP);
  assertEquals([before, await bound(host)], [{ already: false }, false]);
  assertEquals(await look(host, STEP), { already: true }, "another guest has done it");
  await takeBack(host, STEP, before);
  await takeBack(host, STEP, before);
  assertEquals(await bound(host), true);
});

Deno.test("unbind-console, undo: the kernel makes the console anew when the card is back", async () => {
  const host = hostOf(IDLE);
  const before = await take(host, STEP);
  const gpu = host.pci.at(IGPU);
  host.pci.unbind(gpu);
  host.after(1_000, () => host.pci.bind(gpu, "i915"));
  await takeBack(host, STEP, before);
  assertEquals(await bound(host), true);
});

Deno.test("unbind-console, undo: without any frame buffer there is no console, and nothing left to do", async () => {
  const host = hostOf(IDLE);
  const before = await take(host, STEP);
  host.pci.unbind(host.pci.at(IGPU));
  assertStringIncludes(String(await takeBack(host, STEP, before)), "stays dark until the next boot");
});

Deno.test("unbind-console: a write that does not hold is an error, both ways", async () => {
  await assertRejects(() => take(hostOf(undefined, [{ name: "console-ignored" }]), STEP), AidError, "stays on");
  const host = hostOf();
  const before = await take(host, STEP);
  host.fault({ name: "console-ignored" });
  await assertRejects(() => takeBack(host, STEP, before), AidError, "does not go back to");
});
