/** systemd of the simulated host: what its units do. What systemctl says is in tests/simulated/systemctl_test.ts. */

import { assert, assertEquals } from "@std/assert";
import type { System } from "../../lib/system.ts";
import type { UnitSpec } from "./desktop.ts";
import type { Fault } from "./faults.ts";
import type { SimulatedHost } from "./host.ts";
import { server } from "./machines.ts";
import { hostOf, on, run } from "./on.ts";

const DAEMON = { comm: "daemon", args: ["/usr/sbin/daemon"] } as const;
const BUS = "--user --machine=ann@.host";

/** A host with units, whose user ann has a manager. */
function up(units: readonly UnitSpec[], faults: readonly Fault[] = []): SimulatedHost {
  return hostOf({ ...server, units, linger: [1000] }, faults);
}

/** State of a unit. */
const state = (host: SimulatedHost, label: string) => host.systemd.units.get(label)?.state;

/** Waits until a unit has a state. */
async function becomes(system: System, host: SimulatedHost, label: string, wanted: string, ms = 1_000): Promise<void> {
  assert(await system.until(() => state(host, label) === wanted, ms), `${label} is ${state(host, label)}`);
}

Deno.test("stop: TERM for all in the control group, KILL after 90 seconds", async () => {
  const slow = { ...DAEMON, comm: "slow", endsAfter: 3_000 };
  const host = up([
    { name: "a.service", processes: [DAEMON, slow] },
    { name: "b.service", processes: [DAEMON, { ...slow, ignoresTerm: true }] },
    { name: "c.service", processes: [DAEMON], stopsAfter: 500 },
  ]);
  await on(host, async (system) => {
    const order = await run(system, "systemctl stop --no-block -- a.service b.service c.service");
    assertEquals([order.code, order.stdout, order.stderr], [0, "", ""]);
    assertEquals(host.processes.inCgroup("/system.slice/c.service").length, 1, "it does something of its own first");
    assertEquals([state(host, "a.service"), host.systemd.unit("a.service")!.main], ["deactivating", undefined]);
    await becomes(system, host, "c.service", "inactive");
    await becomes(system, host, "a.service", "inactive", 3_000);
    assert(!await system.until(() => state(host, "b.service") === "inactive", 80_000));
    await becomes(system, host, "b.service", "inactive", 20_000);
    await run(system, "systemctl start --no-block -- a.service");
    assertEquals(host.processes.inCgroup("/system.slice/a.service").map(({ spec }) => spec.comm), ["daemon", "slow"]);
  });
});

Deno.test("stop: what belongs to a unit stops with it", async () => {
  const host = up([
    { name: "graphical-session.target", user: 1000, stops: ["shell.service"] },
    { name: "shell.service", user: 1000, stops: ["app.scope"], processes: [DAEMON] },
    { name: "app.scope", user: 1000, processes: [DAEMON] },
    { name: "other.service", user: 1000, processes: [DAEMON] },
    { name: "other.socket", user: 1000 },
  ]);
  await on(host, async (system) => {
    await run(system, `systemctl ${BUS} stop --no-block -- graphical-session.target`);
    await becomes(system, host, "1000/app.scope", "inactive");
    assertEquals([state(host, "1000/shell.service"), state(host, "1000/other.service")], ["inactive", "active"]);
    await run(system, "systemctl stop --no-block -- user@1000.service");
    await becomes(system, host, "user@1000.service", "inactive");
    assertEquals([state(host, "1000/other.service"), state(host, "1000/other.socket")], ["inactive", "inactive"]);
    assertEquals(host.processes.inCgroup("/user.slice"), []);
    const asked = await run(system, `systemctl ${BUS} show --property=Id -- shell.service`);
    assertEquals([asked.code, asked.stderr], [1, "Failed to connect to bus: Host is down\n"]);
    await run(system, "systemctl start --no-block -- user@1000.service");
    assertEquals(state(host, "1000/shell.service"), "active", "it brings up what it has brought up first");
  });
});

Deno.test("start: jobs that take their time, and what cancels or outlasts them", async () => {
  const host = up([
    { name: "a.service", state: "activating", startsAfter: 400, processes: [DAEMON] },
    { name: "b.service", state: "queued", startsAfter: 400, processes: [DAEMON] },
    { name: "c.service", state: "activating", startsAfter: 400, processes: [DAEMON] },
    { name: "d.service", processes: [{ ...DAEMON, endsAfter: 300 }] },
    { name: "e.service", state: "queued", startsAfter: 400, processes: [DAEMON] },
  ]);
  await on(host, async (system) => {
    const jobs = ["a.service", "b.service"].map((name) => host.systemd.unit(name)!);
    assertEquals(jobs.map((unit) => [unit.state, unit.job !== undefined]), [["activating", true], ["inactive", true]]);
    await run(system, "systemctl stop --no-block -- c.service d.service e.service");
    assertEquals(state(host, "c.service"), "inactive");
    await run(system, "systemctl start --no-block -- d.service");
    assertEquals(state(host, "d.service"), "deactivating", "it is started when it is down");
    await run(system, "systemctl stop --no-block -- d.service");
    await becomes(system, host, "d.service", "inactive");
    assert(!await system.until(() => state(host, "d.service") !== "inactive", 1_000), "unless it is stopped again");
    await run(system, "systemctl start --no-block -- d.service");
    await run(system, "systemctl stop --no-block -- d.service");
    await run(system, "systemctl start --no-block -- d.service");
    await becomes(system, host, "d.service", "active");
    await becomes(system, host, "b.service", "active");
    const cancelled = ["c.service", "e.service"];
    assert(!await system.until(() => cancelled.some((name) => state(host, name) !== "inactive"), 2_000));
    assertEquals([state(host, "a.service"), host.systemd.unit("a.service")!.job], ["active", undefined]);
  });
});

Deno.test("a main process that ends by itself: the unit fails, ends, or is started again a few times", async () => {
  const host = up([
    { name: "a.service", processes: [DAEMON, { ...DAEMON, comm: "helper" }] },
    { name: "b.service", processes: [DAEMON], restart: "always" },
    { name: "x.service", processes: [{ ...DAEMON, needs: "display" }], restart: "always" },
  ]);
  const main = (name: string) => host.systemd.unit(name)!.main;
  await on(host, async (system) => {
    await system.kill(main("a.service")!.pid);
    assertEquals([state(host, "a.service"), host.processes.inCgroup("/system.slice/a.service")], ["failed", []]);
    const before = main("b.service")!.pid;
    host.processes.signal(before, "TERM");
    assertEquals(host.systemd.unit("b.service")!.restarting, true);
    await becomes(system, host, "b.service", "active");
    assert(main("b.service")!.pid !== before);
    await becomes(system, host, "x.service", "failed", 5_000);
    await run(system, "systemctl stop --no-block -- b.service");
    assert(!await system.until(() => state(host, "b.service") !== "inactive", 1_000), "whoever stops it means it");
  });
});

Deno.test("start limit: so many starts, then none before reset-failed", async () => {
  const host = up([{ name: "nvidia-powerd.service", processes: [DAEMON], startLimit: 2 }]);
  const systemctl = (system: System, what: string) => run(system, `systemctl ${what} -- nvidia-powerd.service`);
  await on(host, async (system) => {
    for (const wanted of ["active", "active", "failed", "failed"]) {
      await system.until(() => false, 20_000);
      await systemctl(system, "stop --no-block");
      assertEquals((await systemctl(system, "start --no-block")).code, 0, "the order is taken, and comes to nothing");
      assertEquals(state(host, "nvidia-powerd.service"), wanted);
    }
    assertEquals((await systemctl(system, "reset-failed")).code, 0);
    assertEquals(state(host, "nvidia-powerd.service"), "inactive");
    await systemctl(system, "start --no-block");
    assertEquals(state(host, "nvidia-powerd.service"), "active");
    assertEquals(
      (await run(system, "systemctl reset-failed -- none.service")).stderr,
      "Failed to reset failed state of unit none.service: Unit none.service not loaded.\n",
    );
  });
});

Deno.test("a socket starts its service again while it is active", async () => {
  const host = up([
    { name: "pipewire.socket", user: 1000 },
    { name: "pipewire.service", user: 1000, processes: [DAEMON], triggeredBy: ["pipewire.socket"] },
  ]);
  await on(host, async (system) => {
    await run(system, `systemctl ${BUS} stop --no-block -- pipewire.service`);
    assertEquals(state(host, "1000/pipewire.service"), "inactive");
    await becomes(system, host, "1000/pipewire.service", "active", 60);
    await run(system, `systemctl ${BUS} mask --runtime -- pipewire.service`);
    await run(system, `systemctl ${BUS} stop --no-block -- pipewire.service`);
    assert(!await system.until(() => state(host, "1000/pipewire.service") === "active", 1_000), "nobody may start it");
    await run(system, `systemctl ${BUS} unmask --runtime -- pipewire.service`);
    await run(system, `systemctl ${BUS} start --no-block -- pipewire.service`);
    await run(system, `systemctl ${BUS} stop --no-block -- pipewire.socket pipewire.service`);
    assert(!await system.until(() => state(host, "1000/pipewire.service") === "active", 1_000));
  });
});

Deno.test("faults: orders that fail, are ignored, or never come to an end", async () => {
  const unit = { name: "a.service", processes: [DAEMON] };
  const after = async (name: string, verb: string): Promise<[number, string | undefined]> => {
    const host = up([{ ...unit, state: verb === "start" ? "inactive" : "active" }], [{ name }]);
    let code = -1;
    await on(host, async (system) => {
      code = (await run(system, `systemctl ${verb} --no-block -- a.service`)).code;
      await system.until(() => false, 200_000);
    });
    return [code, state(host, "a.service")];
  };
  assertEquals(await after("unit-start-fails", "start"), [1, "inactive"]);
  assertEquals(await after("unit-start-ignored", "start"), [0, "inactive"]);
  assertEquals(await after("unit-stop-fails", "stop"), [1, "active"]);
  assertEquals(await after("unit-stop-ignored", "stop"), [0, "active"]);
  assertEquals(await after("unit-stop-hangs", "stop"), [0, "deactivating"]);
  assertEquals(await after("unit-stop-hangs", "start"), [0, "active"], "that is another order");
});
