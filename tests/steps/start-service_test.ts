import { assert, assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import type { StartService } from "../../lib/step.ts";
import { startService } from "../../lib/steps/start-service.ts";
import { hostOf, on } from "../on-host.ts";
import type { UnitSpec } from "../simulated/desktop.ts";
import type { Fault } from "../simulated/faults.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { workstation } from "../simulated/machines.ts";
import { take, takeBack } from "./step.ts";

const STEP: StartService = { kind: "start-service", service: "gdm.service" };
const ANNS: StartService = { kind: "start-service", service: "pipewire.service", user: { name: "ann", uid: 1000 } };

/** A host with a display manager, and ann's PipeWire if her manager runs; both are down. */
function hostWith(more: Partial<UnitSpec> = {}, faults: readonly Fault[] = [], linger = [1000]): SimulatedHost {
  const program = (name: string) => [{ comm: name, args: [`/usr/bin/${name}`] }];
  const units: UnitSpec[] = [
    { name: "gdm.service", state: "inactive", processes: program("gdm3"), ...more },
    { name: "pipewire.service", user: 1000, state: "inactive", processes: program("pipewire"), ...more },
  ];
  return hostOf({ ...workstation, processes: [], units, linger }, faults);
}

/** What `apply` says to people. */
const said = (host: SimulatedHost, step: StartService, timeoutMs = 30_000) =>
  on(host, (system) => startService.apply(system, step, { already: false }, timeoutMs));
const states = ({ systemd }: SimulatedHost) => [...systemd.units.values()].slice(0, 2).map(({ state }) => state);

Deno.test("start-service: it runs, a second time too; it stays when the guest has ended", async () => {
  const host = hostWith();
  assertEquals(await said(host, STEP), undefined);
  assertEquals(states(host), ["active", "inactive"]);
  const before = await take(host, STEP);
  assertEquals([before, states(host)], [{ already: false }, ["active", "inactive"]]);
  await takeBack(host, STEP, before);
  assertEquals(states(host), ["active", "inactive"]);
});

Deno.test("start-service: one of a user is started in his manager, which is not asked when it is gone", async () => {
  const host = hostWith();
  assertEquals([await said(host, ANNS), states(host)], [undefined, ["inactive", "active"]]);
  const gone = hostWith({}, [], []);
  assertEquals([await said(gone, ANNS), gone.operations], [undefined, []]);
});

Deno.test("start-service: one that is still on its way is no failure, and a note says so", async () => {
  const slow = { startsAfter: 20_000 };
  const began = hostWith(slow);
  assertEquals(await said(began, STEP), "gdm.service was told to start and is still starting");
  assert(began.clock.now > 5_000 && began.clock.now < 7_000, "it waits a little");
  const hurried = hostWith(slow);
  assertEquals(await said(hurried, STEP, 1_000), "gdm.service was told to start and is still starting");
  assert(hurried.clock.now > 1_000 && hurried.clock.now < 2_000, "and no longer than it may");
  assertEquals(await said(hostWith(slow), ANNS), "pipewire.service of ann was told to start and is still starting");
});

Deno.test("start-service: one that comes up within some seconds is waited for", async () => {
  const host = hostWith({ startsAfter: 3_000 });
  assertEquals([await said(host, STEP), states(host)[0]], [undefined, "active"]);
});

Deno.test("start-service: one that fails, and one that systemd refuses, are errors that say where to look", async () => {
  const ignored = await assertRejects(
    () => said(hostWith({}, [{ name: "unit-start-ignored" }]), STEP),
    AidError,
    "gdm.service was started and does not run",
  );
  assertEquals(ignored.hint, "systemctl status gdm.service");
  const fails = hostWith({}, [{ name: "unit-start-fails" }]);
  const error = await assertRejects(() => said(fails, STEP), AidError, "Failed to start gdm.service");
  assertEquals(error.hint, "run it yourself: /usr/bin/systemctl start --no-block -- gdm.service");
  await assertRejects(() => said(hostWith(), { ...STEP, service: "none.service" }), AidError, "none.service not found");
});
