import { assert, assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import { startOf } from "../../lib/host/processes.ts";
import type { Step } from "../../lib/step.ts";
import { hostOf, on } from "../on-host.ts";
import { Hung } from "../simulated/errno.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import type { ProcessSpec } from "../simulated/machine.ts";
import type { SimulatedProcess } from "../simulated/processes.ts";
import { look, take, takeBack } from "./step.ts";

/** A process on a host, the step that ends it, and with which status it ended. */
async function miner(more: Partial<ProcessSpec> = {}) {
  const host: SimulatedHost = hostOf();
  const process: SimulatedProcess = host.processes.spawn({ pid: 812, comm: "miner", args: ["miner"], ...more });
  const ended: number[] = [];
  process.onEnd.push((code) => ended.push(code));
  const start = (await on(host, (system) => startOf(system, 812)))!;
  const step: Step = { kind: "end-process", pid: 812, start, name: "miner", limitMs: 10_000 };
  return { host, process, step, ended };
}

Deno.test("end-process: asked to end, and waited for; twice does no harm, and nothing brings it back", async () => {
  const { host, step, ended } = await miner({ endsAfter: 15_000 });
  assertEquals(await look(host, step), { already: false });
  const before = await take(host, step);
  assertEquals([ended, host.clock.now > 15_000], [[128 + 15], true]);
  await take(host, step);
  await takeBack(host, step, before);
  assertEquals([ended.length, host.processes.all.has(812)], [1, false]);
});

Deno.test("end-process: one that does not heed TERM is killed while there is time left", async () => {
  const { host, step, ended } = await miner({ ignoresTerm: true });
  await take(host, step);
  assertEquals(ended, [128 + 9]);
  assert(host.clock.now > 20_000 && host.clock.now < 21_000, `${host.clock.now}`);
});

Deno.test("end-process: another one that has got its id is left alone, from the first or meanwhile", async () => {
  const { host, step } = await miner();
  await take(host, { ...step, start: "1" } as Step);
  assertEquals(host.processes.all.has(812), true);

  const other = await miner({ endsAfter: 1_000 });
  other.process.onEnd.push(() => other.host.processes.spawn({ pid: 812, comm: "bash", args: ["bash"] }));
  await take(other.host, other.step);
  assertEquals([other.ended, other.host.processes.all.get(812)?.spec.comm], [[128 + 15], "bash"]);
});

Deno.test("end-process: one that sits in the kernel is an error, in time, and says where to look", async () => {
  const { host, process, step } = await miner();
  host.processes.hang(process, new Hung("nvidia"));
  const error = await assertRejects(() => take(host, step), AidError, "miner (pid 812) does not end");
  assertEquals(error.hint, "look at /proc/812/stack");
  assert(host.clock.now > 29_000 && host.clock.now < 32_000);
});
