/** What other init systems than systemd leave beside a service, and how long they take. */

import { assertEquals } from "@std/assert";
import type { Before, StopService } from "../../lib/step.ts";
import { hostOf } from "../on-host.ts";
import { singleGpu } from "../simulated/gpu-machines.ts";
import { type OtherInit, withInit } from "../simulated/inits.ts";
import { take, takeBack } from "./step.ts";

const STEP: StopService = { kind: "stop-service", service: "display-manager", back: true, limitMs: 10_000 };
const BEFORE: Before = { already: false };

/** What runs beside a service and does not end with it: a logger below its supervisor, an agent in its control group. */
const BESIDE: readonly (readonly [OtherInit, string, string])[] = [
  ["runit", "runsv", "svlogd"],
  ["OpenRC", "lightdm", "gpg-agent"],
];

for (const [init, by, comm] of BESIDE) {
  Deno.test(`stop-service with ${init}: ${comm} is not waited for`, async () => {
    const host = hostOf(withInit(singleGpu, init, "lightdm", "0000:03:00.0"));
    const service = init === "OpenRC" ? "display-manager" : "lightdm";
    const { pid } = [...host.processes.all.values()].find(({ spec }) => spec.comm === by)!;
    host.processes.spawn({
      comm,
      args: [comm],
      parent: init === "OpenRC" ? 1 : pid,
      cgroup: host.init.cgroup(service),
    });
    const step = { ...STEP, service };
    await take(host, step);
    assertEquals(host.services.get(service)!.state, "down");
    await takeBack(host, step, BEFORE);
    assertEquals(host.services.get(service)!.state, "up");
  });
}

Deno.test("stop-service with OpenRC, undo: one that takes long is not killed, and comes up", async () => {
  const machine = withInit(singleGpu, "OpenRC", "lightdm", "0000:03:00.0");
  const host = hostOf({ ...machine, services: machine.services!.map((spec) => ({ ...spec, startsAfter: 8_000 })) });
  await take(host, STEP);
  assertEquals(await takeBack(host, STEP, BEFORE), "display-manager was told to start and is still starting");
  host.clock.advance(5_000);
  assertEquals(host.services.get("display-manager")!.state, "up");
});
