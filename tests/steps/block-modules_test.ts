import { assertEquals, assertRejects } from "@std/assert";
import { AidError, hintOf } from "../../lib/errors.ts";
import type { Step } from "../../lib/step.ts";
import { modprobe } from "../../lib/steps/load-module.ts";
import { hostOf, on } from "../on-host.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { look, take, takeBack } from "./step.ts";

const STEP: Step = { kind: "block-modules", driver: "amdgpu", modules: ["amdgpu", "radeon_core"] };
const OTHER: Step = { kind: "block-modules", driver: "i40e", modules: ["i40e"] };
const RULES = "/run/modprobe.d/virt-aid-amdgpu.conf";

/** Has a module loaded, as udev does. */
const load = (host: SimulatedHost, module: string) => on(host, (system) => modprobe(system, module, 5_000));

Deno.test("block-modules: nothing loads them until they are let go, others' are loaded; twice does no harm", async () => {
  const host = hostOf();
  const before = await take(host, STEP);
  await assertRejects(() => load(host, "amdgpu"), AidError, "Error running install command");
  await load(host, "i40e");
  assertEquals([before, await look(host, STEP)], [{ already: false }, { already: true }]);
  await takeBack(host, STEP, before);
  await takeBack(host, STEP, before);
  await load(host, "amdgpu");
  assertEquals(host.modules.all.get("amdgpu")!.loaded, true);
});

Deno.test("block-modules: a rule for each module, and a word on who wrote it", async () => {
  const host = hostOf();
  await take(host, STEP);
  assertEquals(host.tree.texts("/run/modprobe.d"), {
    [RULES]: "# virt-aid: a guest has the card of these modules\n" +
      "install amdgpu /bin/false\ninstall radeon_core /bin/false\n",
  });
});

Deno.test("block-modules: each driver has rules of its own, and the administrator's stay", async () => {
  const host = hostOf();
  host.tree.file("/run/modprobe.d/own.conf", "blacklist nouveau\n");
  const before = await take(host, STEP);
  assertEquals(await look(host, OTHER), { already: false });
  await take(host, OTHER);
  await takeBack(host, STEP, before);
  assertEquals(Object.keys(host.tree.texts("/run/modprobe.d")).sort(), [
    "/run/modprobe.d/own.conf",
    "/run/modprobe.d/virt-aid-i40e.conf",
  ]);
});

Deno.test("block-modules: a full /run is an error with a hint, and leaves nothing", async () => {
  const host = hostOf(undefined, [{ name: "run-full" }]);
  const error = await assertRejects(() => take(host, STEP), Error, "No space left on device");
  assertEquals(hintOf(error), "make room: `df -h /run /var` shows what is full");
  await takeBack(host, STEP, { already: false });
  assertEquals(host.tree.texts("/run/modprobe.d"), {});
});
