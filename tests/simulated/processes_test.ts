/** Signals, mappings and control groups of the simulated host. */

import { assert, assertEquals } from "@std/assert";
import { hostOf, on, run } from "./on.ts";
import { workstation } from "./machines.ts";

const SHELL = { comm: "bash", args: ["-bash"], uid: 1000, ignoresTerm: true } as const;
const BLENDER = { comm: "blender", args: ["/usr/bin/blender"], uid: 1000 } as const;
const GPU = "0000:01:00.0";

Deno.test("kill: a signal for each of several, which end at once, later, or not at all", async () => {
  const host = hostOf();
  const [quick, slow, shell] = [{ ...BLENDER, pid: 50 }, { ...BLENDER, pid: 51, endsAfter: 2_000 }, {
    ...SHELL,
    pid: 52,
  }]
    .map((spec) => host.processes.spawn(spec));
  const codes: number[] = [];
  for (const process of [quick!, slow!, shell!]) process.onEnd.push((code) => codes.push(code));
  const left = () => [50, 51, 52].filter((pid) => host.processes.all.has(pid));
  await on(host, async (system) => {
    assertEquals((await run(system, "kill -TERM -- 50 -51 52")).code, 0);
    assertEquals(left(), [51, 52]);
    assert(await system.until(() => left().length === 1, 5_000));
    assertEquals((await run(system, "kill -HUP -- 52")).code, 0);
    assertEquals(left(), [52], "a shell that ignores TERM here ignores HUP too");
    assertEquals((await run(system, "kill -KILL -- 52 51")).stderr, "kill: (51) - No such process\n");
    assertEquals((await run(system, "kill -STOP -- 52")).code, 1, "other signals are not simulated");
  });
  assertEquals([left(), codes], [[], [143, 143, 137]]);
});

Deno.test("kill: neither init nor the daemons that everything hangs on", async () => {
  const host = hostOf();
  await on(host, (system) => run(system, "kill -TERM -- 1 400 2"));
  assertEquals(host.harms, ["init was killed", "systemd-logind was sent TERM"]);
  assertEquals(host.processes.all.has(1), true);
});

Deno.test("a node that is mapped is in use until the process ends, whatever it closes", async () => {
  const host = hostOf(workstation);
  const process = host.processes.spawn({ ...BLENDER, open: ["/dev/dri/card1"], maps: ["/dev/dri/card1"] });
  const users = () => host.pci.users(host.pci.at(GPU));
  await on(host, (system) => {
    assert(system.read(`/proc/${process.pid}/maps`)!.endsWith(" /dev/dri/card1\n"));
    host.processes.close(process, "/dev/dri/card1");
    assertEquals([system.list(`/proc/${process.pid}/fd`), users()], [[], [process.pid]]);
    host.processes.spawn({ ...BLENDER, maps: ["/dev/dri/card1"] });
    assertEquals(system.read("/sys/module/nouveau/refcnt"), "2\n", "another has never had it open");
    host.processes.kill(process.pid);
    assertEquals(users().length, 1);
  });
});

Deno.test("status: a process that is killed in the kernel has KILL before it", async () => {
  const host = hostOf();
  host.processes.spawn({ ...BLENDER, open: ["/dev/dri/card1"] });
  const stuck = host.start((system) => {
    system.write(`/sys/bus/pci/drivers/nouveau/unbind`, GPU);
    return Promise.resolve(0);
  }, { program: "/usr/bin/stuck" });
  assertEquals((await stuck.ended).ended, "stuck");
  await on(host, async (system) => {
    const pending = () => /^ShdPnd:\t(\S+)$/m.exec(system.read(`/proc/${stuck.pid}/status`)!)?.[1];
    assertEquals((await run(system, `kill -TERM -- ${stuck.pid}`)).code, 0);
    assertEquals(pending(), "0000000000000000", "nobody waits for TERM there");
    await system.kill(stuck.pid);
    assertEquals(pending(), "0000000000000100");
  });
});

Deno.test("control groups: who is in which, and folders for those that somebody is in or that are owned", async () => {
  const host = hostOf();
  const scope = "/user.slice/user-1001.slice/session-9.scope";
  const folder = `/sys/fs/cgroup${scope}`;
  const login = host.processes.spawn({ ...BLENDER, cgroup: scope });
  const below = host.processes.spawn({ ...BLENDER, cgroup: `${scope}/tasks` });
  assertEquals(host.processes.inCgroup(scope), [login, below]);
  assertEquals(host.processes.inCgroup("/user.slice/user-100"), [], "names, not beginnings of names");
  const empty: string[] = [];
  host.cgroups.whenEmpty(scope, () => empty.push(scope));
  await on(host, (system) => {
    assertEquals(system.info(folder), undefined, "they are no part of sysfs");
    host.mounted.add("cgroup2");
    assertEquals(system.read(`${folder}/cgroup.procs`), `${login.pid}\n`);
    assertEquals(system.read(`/proc/${below.pid}/cgroup`), `0::${scope}/tasks\n`);
    host.processes.kill(login.pid);
    assertEquals([system.read(`${folder}/cgroup.procs`), empty], ["", []]);
    assertEquals(system.read(`${folder}/cgroup.events`), "populated 1\nfrozen 0\n");
    host.cgroups.own(scope, true);
    host.processes.kill(below.pid);
    assertEquals([system.read(`${folder}/cgroup.events`), empty], ["populated 0\nfrozen 0\n", [scope]]);
    assertEquals(system.info(`${folder}/tasks`), undefined);
    host.cgroups.own(scope, false);
    assertEquals(system.info("/sys/fs/cgroup/user.slice/user-1001.slice"), undefined);
    assertEquals(system.list("/sys/fs/cgroup/user.slice"), ["cgroup.events", "cgroup.procs", "user-1000.slice"]);
  });
  host.cgroups.whenEmpty(scope, () => empty.push("at once"));
  assertEquals(empty, [scope, "at once"]);
});
