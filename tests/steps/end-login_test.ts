import { assert, assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import { startOf } from "../../lib/host/processes.ts";
import type { EndLogin } from "../../lib/step.ts";
import { endLogin } from "../../lib/steps/end-login.ts";
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

Deno.test("end-login: who has logged in on that console since is none of it", async () => {
  const { host, step } = await login();
  await take(host, { ...step, start: "1" });
  assertEquals(alive(host, 700, 701), [700, 701]);
});

Deno.test("end-login: on its terminal, other users' programs stay unless it has started them; its session's go", async () => {
  const { host, step } = await login();
  const mine = host.processes.spawn({ pid: 711, comm: "sudo", args: ["sudo"], parent: 700, cgroup: "/" });
  mine.parent = 1;
  host.processes.spawn({ pid: 710, comm: "other", args: ["other"], uid: 1001, tty: "tty1", cgroup: "/" });
  await take(host, step);
  assertEquals(alive(host, 700, 701, 710, 711), [710]);
});

Deno.test("end-login: libvirt's daemon stays, with its shell and all that it has started; the desktop goes", async () => {
  const { host, step } = await login({ uid: 0, role: undefined });
  host.processes.spawn({ pid: 702, comm: "libvirtd", args: ["libvirtd"], parent: 700, cgroup: "/" });
  host.processes.spawn({ pid: 703, comm: "dnsmasq", args: ["dnsmasq"], uid: 99, parent: 702, cgroup: "/" });
  await take(host, step);
  assertEquals(alive(host, 700, 701, 702, 703), [700, 702, 703]);
});

Deno.test("end-login: what this program itself comes from stays", async () => {
  const { host, step } = await login({ role: undefined });
  const hook = host.start(async (system) => {
    await endLogin.apply(system, step, { already: false }, 10_000);
    return 0;
  }, { program: "/etc/libvirt/hooks/virt-aid/prepare-begin", parent: 700 });
  assertEquals([(await hook.ended).ended, alive(host, 700, 701)], ["exit", [700]]);
});

Deno.test("end-login: what shows something there goes too, also when the rest has ended already", async () => {
  for (const ended of [false, true]) {
    const { host, step } = await login();
    const env = { DISPLAY: ":0" };
    const foot = { comm: "foot", args: ["foot"], tty: null, cgroup: "/", env };
    host.processes.spawn({ ...foot, pid: 710, uid: 1000 });
    host.processes.spawn({ ...foot, pid: 711, uid: 1001 });
    host.processes.spawn({ ...foot, pid: 712, uid: 1000, env: { ...env, SSH_CONNECTION: "a" } });
    if (ended) { for (const pid of [701, 700]) host.processes.kill(pid); }
    await take(host, step);
    assertEquals(alive(host, 700, 701, 710, 711, 712), [711, 712], String(ended));
  }
});

Deno.test("end-login: what shows something where its user has logged in again stays", async () => {
  const { host, step } = await login();
  for (const pid of [701, 700]) host.processes.kill(pid);
  const user = { uid: 1000, cgroup: "/", args: ["x"] };
  host.processes.spawn({ ...user, pid: 705, comm: "bash", tty: "tty2" });
  host.processes.spawn({ ...user, pid: 710, comm: "foot", tty: null, env: { DISPLAY: ":0" } });
  await take(host, step);
  assertEquals(alive(host, 705, 710), [705, 710]);
});
