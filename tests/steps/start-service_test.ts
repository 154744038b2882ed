import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Entry } from "../../lib/journal.ts";
import type { StartService } from "../../lib/step.ts";
import { startService } from "../../lib/steps/start-service.ts";
import { stopService } from "../../lib/steps/stop-service.ts";
import { hostOf, journalOf, on, withJournals } from "../on-host.ts";
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

Deno.test("start-service: one that does not start is no failure of the guest's: a note says why, and where to look", async () => {
  assertEquals(
    await said(hostWith({}, [{ name: "unit-start-ignored" }]), STEP),
    "gdm.service was started and does not run; systemctl status gdm.service",
  );
  const fails = await said(hostWith({}, [{ name: "unit-start-fails" }]), STEP);
  assertStringIncludes(fails!, "Failed to start gdm.service");
  assertStringIncludes(fails!, "; run it yourself: /usr/bin/systemctl start --no-block -- gdm.service");
  assertStringIncludes((await said(hostWith(), { ...STEP, service: "none.service" }))!, "none.service not found");
});

const stopped = (service: string, state: Entry["state"] = "done"): Entry => (
  { step: { kind: "stop-service", service, back: true, limitMs: 0 }, before: { already: false }, state }
);
const startedAgain: Entry = { step: STEP, before: { already: false }, state: "intended" };

Deno.test("start-service: one that another guest keeps away stays so; it is that one's to start", async () => {
  const host = hostWith();
  const own = journalOf("win11", [stopped("gdm.service"), startedAgain]);
  await withJournals(host, own, journalOf("linux", [stopped("gdm.service")]));
  assertEquals(await said(host, STEP), "gdm.service stays away: guest linux has a card that it would open");
  assertEquals(states(host), ["inactive", "inactive"]);
});

Deno.test("start-service: guests that have stopped others, have given it back, or start it again themselves are in no way", async () => {
  const linux: readonly (readonly Entry[])[] = [
    [stopped("lightdm.service")],
    [stopped("gdm.service", "undone")],
    [stopped("gdm.service", "passed-on")],
    [stopped("gdm.service"), startedAgain],
  ];
  for (const entries of linux) {
    const host = hostWith();
    await withJournals(host, journalOf("linux", entries));
    assertEquals([await said(host, STEP), states(host)[0]], [undefined, "active"]);
  }
});

Deno.test("start-service: it is shared with the stop of the same service", () => {
  for (const step of [STEP, ANNS]) {
    assertEquals(
      startService.shared!(step),
      stopService.shared!({ ...step, kind: "stop-service", back: true, limitMs: 0 }),
    );
  }
});
