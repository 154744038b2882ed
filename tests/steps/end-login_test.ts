import { assert, assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import { startOf } from "../../lib/host/processes.ts";
import type { EndLogin } from "../../lib/step.ts";
import { hostOf, on } from "../on-host.ts";
import { Hung } from "../simulated/errno.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import type { ProcessSpec } from "../simulated/machine.ts";
import { look, take, takeBack } from "./step.ts";

/** Ann's shell on tty1 with a program in it, and the step that ends her login. */
async function login(more: Partial<ProcessSpec> = {}): Promise<{ host: SimulatedHost; step: EndLogin }> {
  const host = hostOf();
  const { spawn } = host.processes;
  const spec = { uid: 1000, cgroup: "/" };
  spawn.call(host.processes, { ...spec, pid: 700, comm: "bash", args: ["-bash"], tty: "tty1", role: "shell", ...more });
  spawn.call(host.processes, { ...spec, pid: 701, comm: "weston", args: ["weston"], parent: 700 });
  const start = (await on(host, (system) => startOf(system, 700)))!;
  return { host, step: { kind: "end-login", tty: "tty1", user: "ann", pid: 700, start, limitMs: 10_000 } };
}

const alive = ({ processes }: SimulatedHost, ...pids: number[]) => pids.filter((pid) => processes.all.has(pid));

Deno.test("end-login: a shell that heeds TERM as little as shells do, and what runs in it; nothing brings it back", async () => {
  const { host, step } = await login();
  assertEquals(await look(host, step), { already: false });
  const before = await take(host, step);
  assertEquals([alive(host, 700, 701), host.clock.now < 15_000], [[], true]);
  await take(host, step);
  await takeBack(host, step, before);
  assertEquals(alive(host, 700, 701), []);
});

Deno.test("end-login: what has left the shell and kept its terminal goes too; other terminals and ssh stay", async () => {
  const { host, step } = await login();
  const user = { uid: 1000, cgroup: "/", args: ["x"] };
  host.processes.spawn({ ...user, pid: 710, comm: "left", tty: "tty1" });
  host.processes.spawn({ ...user, pid: 720, comm: "other", tty: "tty2" });
  host.processes.spawn({ ...user, pid: 730, comm: "ssh", tty: null });
  await take(host, step);
  assertEquals(alive(host, 700, 701, 710, 720, 730), [720, 730]);
});

Deno.test("end-login: what does not end is killed; what cannot be is an error that says where to look", async () => {
  const deaf = await login();
  deaf.host.processes.spawn({ pid: 702, comm: "deaf", args: ["deaf"], parent: 700, ignoresTerm: true });
  await take(deaf.host, deaf.step);
  assertEquals(alive(deaf.host, 700, 701, 702), []);

  const hung = await login();
  const { processes } = hung.host;
  processes.all.get(701)!.hung = new Hung("a driver");
  const error = await assertRejects(() => take(hung.host, hung.step), AidError, "ann on tty1 does not end");
  assert(error.hint?.includes("tty1"));
});

Deno.test("end-login: another process that has got the id of its first one is none of it", async () => {
  const { host, step } = await login();
  await take(host, { ...step, start: "1", tty: "tty9" });
  assertEquals(alive(host, 700, 701), [700, 701]);
});
