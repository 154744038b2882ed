import { assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import { isMasked, mask, relationsOf, systemd } from "../../lib/host/inits/systemd.ts";
import { endSession, readSessions } from "../../lib/host/logind.ts";
import type { System } from "../../lib/system.ts";
import { hostOf, on } from "../on-host.ts";
import type { SessionSpec, UnitSpec } from "../simulated/desktop.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { workstation } from "../simulated/machines.ts";
import { Link } from "../simulated/tree.ts";

const SYSTEMCTL = "/usr/bin/systemctl";
const LOGINCTL = "/usr/bin/loginctl";
const ANN = { name: "ann", uid: 1000 };
const LIMIT_MS = 10_000;

/** A host with units; ann's manager runs. */
const hostWith = (...units: readonly UnitSpec[]) => hostOf({ ...workstation, processes: [], units, linger: [1000] });
const show = (host: SimulatedHost, ...names: readonly string[]) => on(host, (system) => systemd.show(system, names));
const program = (more = {}) => [{ comm: "daemon", args: ["/usr/sbin/daemon"], ...more }];

Deno.test("systemd runs the host where its folder says so", async () => {
  const host = hostWith();
  assertEquals(await on(host, systemd.here), true);
  host.tree.drop("/run/systemd/system");
  assertEquals(await on(host, systemd.here), false);
});

Deno.test("units: in the order in which they are asked for; one that is not there is inactive", async () => {
  const host = hostWith({ name: "a.service", state: "inactive" }, { name: "b.socket" });
  assertEquals(await show(host, "b.socket", "none.service", "a.service"), [
    { name: "b.socket", state: "active" },
    { name: "none.service", state: "inactive" },
    { name: "a.service", state: "inactive" },
  ]);
});

Deno.test("units: an alias is resolved", async () => {
  const host = hostWith({ name: "gdm.service", aliases: ["display-manager.service"] });
  assertEquals(await show(host, "display-manager.service"), [{ name: "gdm.service", state: "active" }]);
});

Deno.test("units: one whose start is in the queue is starting, as one that starts", async () => {
  const host = hostWith(
    { name: "queued.service", state: "queued", startsAfter: 60_000 },
    { name: "activating.service", state: "activating", startsAfter: 60_000 },
  );
  assertEquals((await show(host, "queued.service", "activating.service")).map(({ state }) => state), [
    "starting",
    "starting",
  ]);
});

Deno.test("units: one that waits to be started again is starting, though it has no job", async () => {
  const host = hostWith({ name: "gdm.service", restart: "always", processes: program() });
  await on(host, async (system) => {
    host.processes.kill(host.systemd.unit("gdm.service")!.main!.pid);
    assertEquals(await systemd.show(system, ["gdm.service"]), [{ name: "gdm.service", state: "starting" }]);
  });
});

Deno.test("units: one that is on its way down is stopping, one that has failed is inactive", async () => {
  const host = hostWith(
    { name: "slow.service", processes: program({ endsAfter: 60_000 }) },
    { name: "broken.service", processes: program() },
  );
  host.systemd.unit("slow.service")!.stop();
  host.processes.kill(host.systemd.unit("broken.service")!.main!.pid);
  assertEquals(host.systemd.unit("broken.service")!.state, "failed");
  assertEquals((await show(host, "slow.service", "broken.service")).map(({ state }) => state), [
    "stopping",
    "inactive",
  ]);
});

Deno.test("units: one that reads its files again runs, and so does nothing that systemd may call otherwise", async () => {
  const host = hostWith();
  const text = "Id=a.service\nActiveState=reloading\nJob=7\n\nId=b.mount\nActiveState=maintenance\nJob=\n";
  host.commands.set(SYSTEMCTL, () => ({ code: 0, stdout: text }));
  assertEquals(await show(host, "a.service", "b.mount"), [
    { name: "a.service", state: "active" },
    { name: "b.mount", state: "inactive" },
  ]);
});

Deno.test("units: a user's are those of his manager, and one that does not run answers nothing", async () => {
  const host = hostWith({ name: "a.service", state: "inactive" }, { name: "a.service", user: 1000 });
  const shown = (user: string) => on(host, (system) => systemd.show(system, ["a.service"], { name: user, uid: 1000 }));
  assertEquals(await shown("ann"), [{ name: "a.service", state: "active" }]);
  await assertRejects(() => shown("root"), AidError, "Host is down");
});

Deno.test("units: for none no program is run", async () => {
  const host = hostWith();
  host.commands.delete(SYSTEMCTL);
  assertEquals(await show(host), []);
});

Deno.test("units: any kind is asked about under its own name", async () => {
  for (const kind of ["service", "socket", "target", "timer", "path", "mount", "automount", "slice", "scope", "swap"]) {
    assertEquals(await show(hostWith(), `a.${kind}`), [{ name: `a.${kind}`, state: "inactive" }]);
  }
  assertEquals((await show(hostWith(), "a", "dev-sda.device")).map(({ name }) => name), [
    "a.service",
    "dev-sda.device",
  ]);
});

Deno.test("orders: stop, start, forget; nothing waits for them", async () => {
  const host = hostWith(
    { name: "a.service", startLimit: 1, startsAfter: 60_000, processes: program({ endsAfter: 60_000 }) },
    { name: "a.service", user: 1000 },
  );
  const unit = host.systemd.unit("a.service")!;
  await on(host, (system) => systemd.order(system, "stop", "a.service", LIMIT_MS));
  assertEquals([unit.state, host.clock.now < 1_000], ["deactivating", true]);
  host.processes.kill(unit.main!.pid);
  await on(host, (system) => systemd.order(system, "start", "a.service", LIMIT_MS));
  assertEquals(unit.state, "activating");
  unit.stop();
  unit.start();
  assertEquals(unit.state, "failed");
  await on(host, (system) => systemd.resetFailed!(system, "a.service"));
  assertEquals(unit.state, "inactive");
  await on(host, (system) => systemd.order(system, "stop", "a.service", LIMIT_MS, ANN));
  assertEquals(host.systemd.unit("a.service", 1000)!.state, "inactive");
});

Deno.test("masks: made and taken back; the administrator's are seen, other links are none", async () => {
  const host = hostWith({ name: "a.service" });
  const masked = (unit: string) => on(host, (system) => isMasked(system, unit));
  await on(host, (system) => mask(system, "mask", ["a.service", "b.service"]));
  assertEquals([await masked("a.service"), await masked("b.service")], [true, true]);
  await on(host, (system) => mask(system, "unmask", ["a.service"]));
  assertEquals([await masked("a.service"), await masked("b.service")], [false, true]);
  host.tree.put("/etc/systemd/system/a.service", new Link("/dev/null"));
  host.tree.put("/etc/systemd/system/c.service", new Link("/usr/lib/systemd/system/other.service"));
  assertEquals([await masked("a.service"), await masked("c.service")], [true, false]);
});

for (const state of ["running", "starting", "stopping"] as const) {
  Deno.test(`the host is on its way down: ${state}`, async () => {
    const host = hostWith();
    host.systemd.state = state;
    assertEquals(await on(host, systemd.isStopping), state === "stopping");
  });
}

/** A session of ann's. */
const session = (id: string, more: Partial<SessionSpec>): SessionSpec => ({
  ...{ id, uid: 1000, user: "ann", type: "tty", class: "user", service: "login" },
  processes: [{ comm: "bash", args: ["-bash"] }],
  ...more,
});

Deno.test("sessions: seat and terminal where they have one, remote ones, but no user's manager", async () => {
  const sessions = [
    session("2", { seat: "seat0", tty: "tty2", type: "wayland" }),
    session("3", { tty: "pts/0", remote: true }),
    session("4", { class: "manager", type: "unspecified" }),
    session("c1", { uid: 120, user: "gdm", seat: "seat0", class: "greeter", type: "x11" }),
  ];
  const ann = { user: "ann", uid: 1000 };
  assertEquals(await on(hostOf({ ...workstation, sessions }), readSessions), [
    { id: "2", ...ann, seat: "seat0", tty: "tty2", type: "wayland", remote: false, closing: false },
    { id: "3", ...ann, seat: undefined, tty: "pts/0", type: "tty", remote: true, closing: false },
    { id: "c1", user: "gdm", uid: 120, seat: "seat0", tty: undefined, type: "x11", remote: false, closing: false },
  ]);
});

Deno.test("sessions: one whose user has logged out is closing while something is left in it", async () => {
  const leader = { pid: 960, comm: "login", args: ["/bin/login"] };
  const tmux = { comm: "tmux: server", args: ["tmux"], tty: null, startedBy: "login" };
  const host = hostOf({ ...workstation, sessions: [session("2", { type: "x11", processes: [leader, tmux] })] });
  const closing = () => on(host, async (system) => (await readSessions(system)).map(({ closing }) => closing));
  assertEquals(await closing(), [false]);
  host.processes.kill(960);
  assertEquals(await closing(), [true]);
});

Deno.test("sessions: none where nobody is logged in, and where there is no logind", async () => {
  const nobody = hostWith();
  assertEquals(await on(nobody, readSessions), []);
  // without an id, loginctl shows what logind itself is set to
  const settings = (_: SimulatedHost, [verb]: readonly string[]) => ({
    code: 0,
    stdout: verb === "list-sessions" ? "" : "EnableWallMessages=no\nNAutoVTs=6\nKillUserProcesses=no\n",
  });
  nobody.commands.set(LOGINCTL, settings);
  assertEquals(await on(nobody, readSessions), []);
  const without = hostOf({ ...workstation, sessions: [session("2", {})] });
  without.tree.drop("/run/systemd/sessions");
  assertEquals(await on(without, readSessions), []);
});

Deno.test("a session's end: asked for, or by force; one that has ended meanwhile is no error", async () => {
  const processes = program({ ignoresTerm: true });
  const host = hostOf({ ...workstation, sessions: [session("2", { processes })] });
  const end = (how: "TERM" | "KILL") => on(host, (system) => endSession(system, "2", how));
  await end("TERM");
  assertEquals([host.logind.sessions.get("2")?.stopping, host.logind.sessions.size], [true, 1]);
  await end("KILL");
  await end("TERM");
  assertEquals(host.logind.sessions.size, 0);
});

/** What asks one of the programs, and how that is called for people. */
const QUESTIONS: readonly (readonly [program: string, args: string, ask: (system: System) => Promise<unknown>])[] = [
  [SYSTEMCTL, "show --property=Id,ActiveState,Job -- a.service", (system) => systemd.show(system, ["a.service"])],
  [
    SYSTEMCTL,
    "--user --machine=ann@.host show --property=Id,TriggeredBy,PartOf,BindsTo,Requisite,Requires -- a.service",
    (system) => relationsOf(system, ["a.service"], ANN),
  ],
  [SYSTEMCTL, "stop --no-block -- a.service", (system) => systemd.order(system, "stop", "a.service", LIMIT_MS)],
  [SYSTEMCTL, "mask --runtime -- a.service", (system) => mask(system, "mask", ["a.service"])],
  [LOGINCTL, "list-sessions --no-legend", readSessions],
];

for (const [program, args, ask] of QUESTIONS) {
  Deno.test(`a program that is missing, or fails, is an error that says what to run: ${args}`, async () => {
    const host = hostWith();
    for (const why of ["Failed to connect to bus: Connection refused", "missing"]) {
      if (why === "missing") host.commands.delete(program);
      else host.commands.set(program, () => ({ code: 1, stderr: `${why}\n` }));
      const error = await assertRejects(() => on(host, ask), AidError, `${program} ${args}: ${why}`);
      assertEquals(error.hint, `run it yourself: ${program} ${args}`);
    }
  });
}

Deno.test("sessions: none where loginctl says that no logind runs, though its folder is there; else its failure is one", async () => {
  const host = hostOf({ ...workstation, sessions: [session("2", { seat: "seat0" })] });
  const says = (stderr: string) => host.commands.set("/usr/bin/loginctl", () => ({ code: 1, stderr }));
  says("System has not been booted with systemd as init system (PID 1). Can't operate.\n");
  assertEquals(await on(host, readSessions), []);
  says("Failed to connect to bus: Connection refused\n");
  await assertRejects(() => on(host, readSessions), AidError, "Failed to connect to bus");
});
