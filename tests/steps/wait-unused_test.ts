import { assert, assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import type { Step } from "../../lib/step.ts";
import { untilUnused } from "../../lib/steps/unused.ts";
import { GPU, hostOf, on, SOUND } from "../on-host.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { take, takeBack } from "./step.ts";

const STEP: Step = { kind: "wait-unused", addresses: [GPU, SOUND], limitMs: 10_000 };
const [CARD, PLAYING] = ["/dev/dri/card1", "/dev/snd/pcmC1D3p"] as const;
const BLENDER = { pid: 812, comm: "blender", args: ["/usr/bin/blender"], uid: 1000, open: [CARD] };
const MAPPED = { ...BLENDER, open: [], maps: [CARD] };

/** Counts how often a program is run. */
function count(host: SimulatedHost, program: string): () => number {
  const real = host.commands.get(program)!;
  let times = 0;
  host.commands.set(program, (...args) => {
    times++;
    return real(...args);
  });
  return () => times;
}

Deno.test("wait-unused: where nobody has a node open there is nothing to wait for, and nothing to take back", async () => {
  const host = hostOf();
  await takeBack(host, STEP, await take(host, STEP));
  assert(host.clock.now < 200, `${host.clock.now}`);
  assertEquals(host.operations, []);
});

Deno.test("wait-unused: it waits for the last one, whichever function that has open", async () => {
  const host = hostOf();
  const first = host.processes.spawn(BLENDER);
  const second = host.processes.spawn({ ...BLENDER, pid: 813, open: [PLAYING] });
  host.after(500, () => host.processes.close(first, CARD));
  host.after(2_000, () => host.processes.kill(second.pid));
  await take(host, STEP);
  assert(host.clock.now > 2_000 && host.clock.now < 2_500, `${host.clock.now}`);
});

Deno.test("wait-unused: who comes while another goes is waited for too", async () => {
  const host = hostOf();
  const first = host.processes.spawn(BLENDER);
  host.after(500, () => {
    const { pid } = host.processes.spawn({ ...BLENDER, pid: 813 });
    host.after(4_000, () => host.processes.kill(pid));
    host.processes.kill(first.pid);
  });
  await take(host, STEP);
  assertEquals([host.processes.all.has(813), host.clock.now > 4_500], [false, true]);
});

Deno.test("wait-unused: a card that is only mapped is in use, and not looked at without a rest", async () => {
  const host = hostOf();
  const process = host.processes.spawn(MAPPED);
  const looks = count(host, "/usr/bin/grep");
  host.after(4_000, () => host.processes.kill(process.pid));
  await take(host, STEP);
  assert(host.clock.now > 4_000 && host.clock.now < 4_500, `${host.clock.now}`);
  assert(looks() > 5 && looks() < 45, `${looks()}`);
});

Deno.test("wait-unused: while somebody keeps a node open, not all processes are looked at each time", async () => {
  const host = hostOf();
  const process = host.processes.spawn(BLENDER);
  const looks = count(host, "/usr/bin/grep");
  host.after(8_000, () => host.processes.close(process, CARD));
  await take(host, STEP);
  assert(looks() < 6, `${looks()}`);
});

Deno.test("wait-unused: that a process has let go which only ls(1) may look into is seen after some seconds", async () => {
  const host = hostOf();
  const process = host.processes.spawn({ ...BLENDER, confined: true });
  host.after(1_000, () => host.processes.close(process, CARD));
  await take(host, STEP);
  assert(host.clock.now > 1_000 && host.clock.now < 4_000, `${host.clock.now}`);
});

Deno.test("wait-unused: the end of a process that nobody may look into is seen at once", async () => {
  const host = hostOf();
  const { pid } = host.processes.spawn({ ...BLENDER, confined: "wholly" });
  host.after(500, () => host.processes.kill(pid));
  await take(host, STEP);
  assert(host.clock.now > 500 && host.clock.now < 800, `${host.clock.now}`);
});

Deno.test("wait-unused: the first that keeps a node open is named when time is up, with what to do", async () => {
  const table = [
    [BLENDER, `${GPU} is held by blender (pid 812, user ann) through ${CARD}`],
    [MAPPED, `${GPU} is held by blender (pid 812, user ann) through ${CARD}`],
    [{ ...BLENDER, open: [PLAYING] }, `${SOUND} is held by blender (pid 812, user ann) through ${PLAYING}`],
    [
      { ...BLENDER, confined: "wholly" as const },
      `${GPU} may be held by blender (pid 812, user ann), which cannot be looked into`,
    ],
  ] as const;
  for (const [spec, message] of table) {
    const host = hostOf();
    host.processes.spawn(spec);
    host.processes.spawn({ ...BLENDER, pid: 900_000, comm: "other" });
    const wait = () => on(host, (system) => untilUnused(system, [GPU, SOUND], 1_000));
    const error = await assertRejects(wait, AidError, message);
    assertEquals(error.hint, "end blender, then start the guest again");
    assert(host.clock.now > 1_000 && host.clock.now < 1_300, `${host.clock.now}`);
  }
});

Deno.test("wait-unused: who has mapped a card cannot be seen without grep(1), and that is an error", async () => {
  const host = hostOf();
  host.commands.delete("/usr/bin/grep");
  await assertRejects(() => take(host, STEP), AidError, "who has mapped a card cannot be seen: grep missing");
});
