import { assert, assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import type { Before, StopService } from "../../lib/step.ts";
import { hostOf } from "../on-host.ts";
import type { UnitSpec } from "../simulated/desktop.ts";
import { withDesktop } from "../simulated/desktops.ts";
import type { Fault } from "../simulated/faults.ts";
import { singleGpu } from "../simulated/gpu-machines.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { workstation } from "../simulated/machines.ts";
import { look, take, takeBack } from "./step.ts";

const STEP: StopService = { kind: "stop-service", service: "lactd.service", back: true, limitMs: 10_000 };
const BEFORE: Before = { already: false };
const LACTD = { comm: "lactd", args: ["/usr/bin/lactd"] } as const;

/** A host with that service, but for something. */
function hostWith(unit: Partial<UnitSpec> = {}, faults: readonly Fault[] = []): SimulatedHost {
  const units = [{ name: "lactd.service", processes: [LACTD], ...unit }];
  return hostOf({ ...workstation, processes: [], units }, faults);
}

/** State of the service, and how many processes it has. */
const state = ({ systemd, processes }: SimulatedHost) => {
  const { state, cgroup } = systemd.unit("lactd.service")!;
  return [state, processes.inCgroup(cgroup).length];
};

Deno.test("stop-service: down and up again; twice does no harm, both ways", async () => {
  const host = hostWith();
  assertEquals(await look(host, STEP), BEFORE, "whoever stops it meanwhile, it is to come back");
  for (let twice = 0; twice < 2; twice++) {
    await take(host, STEP);
    assertEquals(state(host), ["inactive", 0]);
  }
  for (let twice = 0; twice < 2; twice++) {
    assertEquals(await takeBack(host, STEP, BEFORE), undefined);
    assertEquals(state(host), ["active", 1]);
  }
});

Deno.test("stop-service, apply: waits until its last process has ended", async () => {
  const host = hostWith({ processes: [{ ...LACTD, endsAfter: 2_000 }] });
  await take(host, STEP);
  assertEquals([...state(host), host.clock.now > 2_000], ["inactive", 0, true]);
});

Deno.test("stop-service, apply: a process that comes while it stops is waited for too", async () => {
  const host = hostWith({ processes: [{ ...LACTD, endsAfter: 500 }] });
  host.after(300, () => {
    const { pid } = host.processes.spawn({ ...LACTD, comm: "helper", cgroup: "/system.slice/lactd.service" });
    host.after(3_000, () => host.processes.kill(pid));
  });
  await take(host, STEP);
  assertEquals(state(host), ["inactive", 0]);
});

for (const name of ["unit-stop-ignored", "unit-stop-hangs"]) {
  Deno.test(`stop-service, apply: one that does not stop is an error, in time: ${name}`, async () => {
    const host = hostWith({}, [{ name }]);
    const error = await assertRejects(() => take(host, STEP), AidError, "lactd.service does not stop");
    assertEquals(error.hint, "systemctl status lactd.service");
    assert(host.clock.now < 32_000, "not long after the time that the step may take");
  });
}

Deno.test("stop-service, apply: what systemd refuses is an error, also for one that does not come back", async () => {
  for (const back of [true, false]) {
    const host = hostWith({}, [{ name: "unit-stop-fails" }]);
    const error = await assertRejects(
      () => take(host, { ...STEP, back }),
      AidError,
      "Failed to stop lactd.service: Input/output error",
    );
    assertEquals(error.hint, "run it yourself: /usr/bin/systemctl stop --no-block -- lactd.service");
  }
});

Deno.test("stop-service, apply: one that systemd does not know is gone, where it need not come back", async () => {
  const step = { ...STEP, service: "none.service" };
  await take(hostWith(), { ...step, back: false });
  await assertRejects(() => take(hostWith(), step), AidError, "Unit none.service not loaded");
});

Deno.test("stop-service, undo: one that is not to come back stays down", async () => {
  const host = hostWith();
  const step = { ...STEP, back: false };
  await takeBack(host, step, await take(host, step));
  assertEquals(state(host), ["inactive", 0]);
});

Deno.test("stop-service, undo: one that runs or starts already is left alone", async () => {
  for (const unit of [{}, { state: "activating", startsAfter: 60_000 }] as const) {
    const host = hostWith(unit);
    assertEquals(await takeBack(host, STEP, BEFORE), undefined);
    assertEquals(host.operations, []);
  }
});

Deno.test("stop-service, undo: one that still stops comes up when it is down", async () => {
  const host = hostWith({ processes: [{ ...LACTD, endsAfter: 1_000 }] });
  host.systemd.unit("lactd.service")!.stop();
  assertEquals(await takeBack(host, STEP, BEFORE), undefined);
  assertEquals(state(host), ["active", 1]);
});

Deno.test("stop-service, undo: nothing is started on a host that goes down", async () => {
  const host = hostWith();
  const before = await take(host, STEP);
  host.systemd.state = "stopping";
  assertEquals(await takeBack(host, STEP, before), undefined);
  assertEquals(state(host), ["inactive", 0]);
});

Deno.test("stop-service, undo: starts of before do not count", async () => {
  const host = hostWith({ startLimit: 1 });
  for (let time = 1; time <= 3; time++) {
    await takeBack(host, STEP, await take(host, STEP));
    assertEquals(state(host), ["active", 1], `${time}`);
  }
});

Deno.test("stop-service, undo: one whose starts cannot be forgotten is started all the same", async () => {
  const host = hostWith();
  const before = await take(host, STEP);
  const systemctl = host.commands.get("/usr/bin/systemctl")!;
  host.commands.set(
    "/usr/bin/systemctl",
    (host, args, stdin) =>
      args[0] === "reset-failed"
        ? { code: 1, stderr: "Failed to reset failed state of unit lactd.service: Unit lactd.service not loaded.\n" }
        : systemctl(host, args, stdin),
  );
  assertEquals(await takeBack(host, STEP, before), undefined);
  assertEquals(state(host), ["active", 1]);
});

Deno.test("stop-service, undo: one that does not come up is an error", async () => {
  const host = hostWith();
  const before = await take(host, STEP);
  const ignored = host.fault({ name: "unit-start-ignored", times: 1 });
  const message = "lactd.service was started and does not run";
  const error = await assertRejects(() => takeBack(host, STEP, before), AidError, message);
  assertEquals([error.hint, ignored.struck], ["systemctl status lactd.service", 1]);
  host.fault({ name: "unit-start-fails" });
  await assertRejects(() => takeBack(host, STEP, before), AidError, "Failed to start lactd.service");
});

Deno.test("stop-service, undo: one that takes long goes on without us, with a note", async () => {
  const quick = hostWith({ startsAfter: 1_000 });
  assertEquals(await takeBack(quick, STEP, await take(quick, STEP)), undefined);
  assertEquals(state(quick), ["active", 1]);
  const slow = hostWith({ startsAfter: 60_000 });
  const before = await take(slow, STEP);
  const began = slow.clock.now;
  const note = "lactd.service was told to start and is still starting";
  assertEquals(await takeBack(slow, STEP, before), note);
  assert(slow.clock.now - began > 5_000 && slow.clock.now - began < 7_000, `${slow.clock.now - began}`);
});

const ANN = { name: "ann", uid: 1000 };
const SOCKET: StopService = {
  kind: "stop-service",
  service: "pipewire.socket",
  user: ANN,
  back: true,
  limitMs: 10_000,
};
const PIPEWIRE: StopService = { ...SOCKET, service: "pipewire.service" };

/** A host on which ann has a desktop. */
const desktop = () => hostOf(withDesktop(singleGpu, "gnome", "0000:03:00.0"));
/** A host on which nobody has one. */
const empty = () => hostOf(withDesktop(singleGpu, "plain", "0000:03:00.0"));

/** States of ann's PipeWire and of its socket. */
const states = ({ systemd }: SimulatedHost) =>
  [PIPEWIRE, SOCKET].map(({ service }) => systemd.unit(service, ANN.uid)!.state);

Deno.test("stop-service, a user's: down and up again in his manager, and a unit without processes too", async () => {
  const host = desktop();
  const [socket, service] = [await take(host, SOCKET), await take(host, PIPEWIRE)];
  assertEquals(states(host), ["inactive", "inactive"]);
  await takeBack(host, PIPEWIRE, service);
  await takeBack(host, SOCKET, socket);
  assertEquals(states(host), ["active", "active"]);
});

Deno.test("stop-service, a user's: another user's unit of that name is left alone", async () => {
  const other = { comm: "pipewire", args: ["/usr/bin/pipewire"], uid: 1001 } as const;
  const host = desktop();
  const cgroup = "/user.slice/user-1001.slice/user@1001.service/session.slice/pipewire.service";
  const { pid } = host.processes.spawn({ ...other, cgroup });
  await take(host, SOCKET);
  await take(host, PIPEWIRE);
  assertEquals([host.processes.all.has(pid), states(host)[0]], [true, "inactive"]);
});

Deno.test("stop-service, a user's: the manager of one who is gone is not asked, which would start it", async () => {
  const host = empty();
  await takeBack(host, PIPEWIRE, await take(host, PIPEWIRE));
  assertEquals(host.operations, []);
});

Deno.test("stop-service, a user's: what does not stop is an error that names the user", async () => {
  const host = desktop();
  host.fault({ name: "unit-stop-ignored" });
  await assertRejects(() => take(host, PIPEWIRE), AidError, "pipewire.service of ann does not stop");
});

Deno.test("stop-service, a user's, undo: what does not come up is a note, the next login starts it", async () => {
  const host = desktop();
  const before = await take(host, SOCKET);
  host.fault({ name: "unit-start-ignored", times: 1 });
  assertEquals(await takeBack(host, SOCKET, before), "pipewire.socket of ann was started and does not run");
  host.fault({ name: "unit-start-fails" });
  assertEquals(
    String(await takeBack(host, SOCKET, before)).endsWith("Failed to start pipewire.socket: Input/output error"),
    true,
  );
});
