/** logind of the simulated host: sessions, and the devices that it holds for them. */

import { assert, assertEquals } from "@std/assert";
import type { System } from "../../lib/system.ts";
import type { SessionSpec, UnitSpec } from "./desktop.ts";
import type { Fault } from "./faults.ts";
import type { SimulatedHost } from "./host.ts";
import type { Machine } from "./machine.ts";
import { workstation } from "./machines.ts";
import { hostOf, on, run } from "./on.ts";

const CARD = "/dev/dri/card0";
const worker = { comm: "worker", args: ["/usr/libexec/worker"], uid: 0 } as const;
const shell = { comm: "shell", args: ["/usr/bin/shell"], startedBy: "worker", needs: "display", open: [CARD] } as const;
const seat = {
  uid: 1000,
  user: "ann",
  seat: "seat0",
  type: "wayland",
  class: "user",
  service: "gdm-password",
} as const;

const DM: UnitSpec = { name: "gdm.service", processes: [{ comm: "gdm3", args: ["/usr/sbin/gdm3"] }], sessions: ["c1"] };
const DESKTOP: SessionSpec = {
  ...seat,
  id: "2",
  tty: "tty2",
  processes: [worker, shell],
  unit: "gdm.service",
  survives: true,
  devices: [CARD],
};
const GREETER: SessionSpec = {
  ...DESKTOP,
  id: "c1",
  uid: 120,
  user: "gdm",
  class: "greeter",
  tty: "tty1",
  later: true,
  survives: false,
};
const SSH: SessionSpec = {
  id: "5",
  uid: 1000,
  user: "ann",
  type: "tty",
  class: "user",
  remote: true,
  service: "sshd",
  processes: [worker, { comm: "bash", args: ["-bash"], ignoresTerm: true }],
};

/** A host with sessions and units. */
function up(
  sessions: readonly SessionSpec[],
  more: Partial<Machine> = {},
  faults: readonly Fault[] = [],
): SimulatedHost {
  return hostOf({ ...workstation, processes: [], sessions, units: [DM], ...more }, faults);
}

/** Sessions that are there, with their states. */
const states = (host: SimulatedHost) =>
  Object.fromEntries([...host.logind.sessions.values()].map((it) => [it.id, host.logind.stateOf(it)]));

/** Who has the card open. */
const holders = (host: SimulatedHost) =>
  host.processes.users([CARD]).map((pid) => host.processes.all.get(pid)!.spec.comm).sort();

/** Waits until these sessions are there and no others. */
async function become(system: System, host: SimulatedHost, ids: readonly string[], ms = 1_000): Promise<void> {
  const there = () => [...host.logind.sessions.keys()].join();
  assert(await system.until(() => there() === ids.join(), ms), `there are ${there()}`);
}

Deno.test("a session: its scope, its leader under its display manager, and its devices open in logind", async () => {
  const host = up([DESKTOP]);
  const { leader, scope } = host.logind.sessions.get("2")!;
  assertEquals(leader.parent, host.systemd.unit("gdm.service")!.main!.pid);
  assertEquals(host.processes.inCgroup(scope).map(({ spec }) => [spec.comm, spec.uid]), [["worker", 0], [
    "shell",
    1000,
  ]]);
  assertEquals(host.processes.inCgroup(scope)[1]!.parent, leader.pid);
  assertEquals(holders(host), ["shell", "systemd-logind"]);
  await on(host, (system) => {
    assertEquals(system.read(`/proc/${leader.pid}/cgroup`), "0::/user.slice/user-1000.slice/session-2.scope\n");
    host.processes.kill(leader.pid);
    assertEquals(states(host), { "2": "closing" }, "the compositor is still there");
  });
});

Deno.test("terminate: what ignores TERM keeps the session, and the devices, until it is killed", async () => {
  const stubborn = { ...DESKTOP, processes: [{ ...worker, ignoresTerm: true }, { ...shell, ignoresTerm: true }] };
  const host = up([stubborn], { units: [] });
  await on(host, async (system) => {
    await run(system, "loginctl terminate-session -- 2");
    assertEquals([states(host), holders(host)], [{ "2": "closing" }, ["shell", "systemd-logind"]]);
    await run(system, "loginctl kill-session --signal=KILL -- 2");
    assertEquals([states(host), holders(host)], [{}, []]);
  });
  const other = up([stubborn], { units: [] });
  await on(other, async (system) => {
    await run(system, "loginctl terminate-session -- 2");
    assert(!await system.until(() => Object.keys(states(other)).length === 0, 80_000));
    assert(
      await system.until(() => Object.keys(states(other)).length === 0, 20_000),
      "systemd does so after 90 seconds",
    );
  });
  const ignored = up([DESKTOP], {}, [{ name: "session-stays" }]);
  await on(ignored, async (system) => {
    assertEquals((await run(system, "loginctl terminate-session -- 2")).code, 0);
    assertEquals(states(ignored), { "2": "active" });
  });
});

Deno.test("the display manager stops: its greeter goes, sessions that survive stay", async () => {
  const host = up([{ ...GREETER, later: false }, DESKTOP]);
  assertEquals(states(host), { "2": "active" }, "a greeter goes when somebody logs in");
  const stop = (host: SimulatedHost) => on(host, (system) => run(system, "systemctl stop --no-block -- gdm.service"));
  await stop(host);
  assertEquals(states(host), { "2": "active" });
  const alone = up([{ ...GREETER, later: false }]);
  await stop(alone);
  assertEquals([states(alone), holders(alone)], [{}, []]);
  const weak = up([GREETER, { ...DESKTOP, survives: false }]);
  await stop(weak);
  assertEquals(states(weak), {});
});

Deno.test("the display manager starts, or loses its last session: a greeter comes, no user's session", async () => {
  const host = up([GREETER, DESKTOP]);
  await on(host, async (system) => {
    await run(system, "loginctl terminate-session -- 2");
    await become(system, host, ["c1"]);
    await run(system, "systemctl stop --no-block -- gdm.service");
    await become(system, host, []);
    await run(system, "systemctl start --no-block -- gdm.service");
    await become(system, host, ["c3"]);
    assertEquals(holders(host), ["shell", "systemd-logind"]);
    host.logind.start("2");
    await become(system, host, ["4"]);
    assertEquals(holders(host), ["shell", "systemd-logind"]);
  });
});

Deno.test("without a card a greeter ends, and is tried a few times; nothing opens a later card", async () => {
  const host = up([GREETER], { units: [{ ...DM, state: "inactive" }] });
  await on(host, async (system) => {
    system.write("/sys/bus/pci/drivers/i915/unbind", "0000:00:02.0");
    system.write("/sys/bus/pci/drivers/nouveau/unbind", "0000:01:00.0");
    await run(system, "systemctl start --no-block -- gdm.service");
    assertEquals(Object.keys(states(host)), ["c1"]);
    assert(await system.until(() => host.logind.sessions.size === 0, 200));
    assert(await system.until(() => host.logind.sessions.size > 0, 200), "it is tried again");
    assertEquals(holders(host), []);
    await system.until(() => false, 5_000);
    assertEquals([states(host), host.systemd.unit("gdm.service")!.state], [{}, "active"]);
    system.write("/sys/bus/pci/drivers/i915/bind", "0000:00:02.0");
    await system.until(() => false, 20_000);
    assertEquals([states(host), holders(host)], [{}, []], "it has given up");
  });
});

Deno.test("a getty that logs in by itself does so again and again, unless it is stopped or masked", async () => {
  const getty: UnitSpec = { name: "getty@tty1.service", slice: "system.slice/system-getty.slice", sessions: ["1"] };
  const login: SessionSpec = {
    ...{ id: "1", uid: 1000, user: "ann", seat: "seat0", type: "tty", class: "user", tty: "tty1", service: "login" },
    processes: [{ comm: "login", args: ["/bin/login"], uid: 0 }, { ...shell, comm: "Xorg", startedBy: "login" }],
    unit: "getty@tty1.service",
  };
  const gettyHost = () => up([login], { units: [getty] });
  const end = async (host: SimulatedHost, order: string) => {
    await on(host, async (system) => {
      const leader = host.logind.sessions.get("1")!.leader.pid;
      const shown = await run(system, "systemctl show --property=MainPID -- getty@tty1.service");
      assertEquals(shown.stdout, `MainPID=${leader}\n`, "it has become the login");
      if (order !== "") await run(system, `systemctl ${order} -- getty@tty1.service`);
      const xorg = host.processes.inCgroup("/user.slice").find(({ spec }) => spec.comm === "Xorg");
      if (xorg) await run(system, `kill -TERM -- ${xorg.pid}`);
      assertEquals(states(host), {}, "a session on a display ends with it");
      await system.until(() => host.logind.sessions.size > 0, 1_000);
    });
    return [Object.keys(states(host)), host.systemd.unit("getty@tty1.service")!.state];
  };
  assertEquals(await end(gettyHost(), ""), [["2"], "active"]);
  assertEquals(await end(gettyHost(), "stop --no-block"), [[], "inactive"]);
  assertEquals(await end(gettyHost(), "mask --runtime"), [[], "failed"]);
});

Deno.test("users: their manager is there with their first session, and goes 10 seconds after the last", async () => {
  const pipewire: UnitSpec = { name: "pipewire.service", user: 1000, processes: [{ ...worker, comm: "pipewire" }] };
  const host = up([DESKTOP, SSH], { units: [pipewire] });
  const state = () => host.systemd.unit("user@1000.service")?.state;
  const parent = host.systemd.unit("pipewire.service", 1000)!.main!.parent;
  assertEquals(host.processes.all.get(parent)?.spec.args, ["/usr/lib/systemd/systemd", "--user"]);
  assertEquals(host.systemd.unit("user@120.service"), undefined);
  await on(host, async (system) => {
    await run(system, "loginctl terminate-session -- 2");
    await system.until(() => false, 20_000);
    assertEquals([states(host), state()], [{ "5": "active" }, "active"]);
    await run(system, `kill -KILL -- ${host.logind.sessions.get("5")!.leader.pid}`);
    assertEquals(states(host), { "5": "closing" }, "its shell does not heed the hang-up here");
    await run(system, "loginctl kill-session --signal=KILL -- 5");
    await system.until(() => false, 5_000);
    host.logind.start("2");
    await system.until(() => false, 20_000);
    assertEquals([state(), Object.keys(states(host))], ["active", ["6"]], "somebody has come in time");
    await run(system, "loginctl terminate-session -- 6");
    assert(await system.until(() => state() === "inactive", 10_100));
    assertEquals(host.processes.inCgroup("/user.slice"), []);
    host.logind.start("5");
    assertEquals([state(), host.systemd.unit("pipewire.service", 1000)!.state], ["active", "active"]);
  });
});

Deno.test("users who linger: their manager is there without a session, before one and after it", async () => {
  const pipewire: UnitSpec = { name: "pipewire.service", user: 1000, processes: [{ ...worker, comm: "pipewire" }] };
  const host = up([{ ...SSH, later: true }], { units: [pipewire], linger: [1000] });
  const state = () => host.systemd.unit("pipewire.service", 1000)!.state;
  assertEquals([states(host), state()], [{}, "active"]);
  host.logind.start("5");
  await on(host, async (system) => {
    await run(system, "loginctl kill-session --signal=KILL -- 5");
    await system.until(() => false, 20_000);
  });
  assertEquals([states(host), state()], [{}, "active"]);
});

Deno.test("a person who logs in again finds all units that were there at first", async () => {
  const units: UnitSpec[] = [
    { name: "shell.service", user: 1000, processes: [{ ...shell, startedBy: undefined }] },
    { name: "odd.service", user: 1000, state: "inactive" },
  ];
  const host = up([DESKTOP, SSH], { units });
  const of = (name: string) => host.systemd.unit(name, 1000)!.state;
  await on(host, async (system) => {
    await run(system, "systemctl --user --machine=ann@.host stop --no-block -- shell.service");
    host.logind.start("5");
    assertEquals(of("shell.service"), "inactive", "nobody starts a desktop from elsewhere");
    host.logind.start("2");
    assertEquals([of("shell.service"), of("odd.service")], ["active", "inactive"]);
    assertEquals(host.logind.stateOf(host.logind.sessions.get("2")!), "online", "the latest has the seat");
  });
});
