import { assertEquals } from "@std/assert";
import { readSessions } from "../../lib/host/logind.ts";
import type { StopService } from "../../lib/step.ts";
import { hostOf, on } from "../on-host.ts";
import { withDesktop } from "../simulated/desktops.ts";
import { singleGpu } from "../simulated/gpu-machines.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { take, takeBack } from "./step.ts";

const user = { name: "ann", uid: 1000 };
const PIPEWIRE: StopService = { kind: "stop-service", service: "pipewire.service", user, back: true, limitMs: 10_000 };

const gnome = () => hostOf(withDesktop(singleGpu, "gnome", "0000:03:00.0"));
/** The user's manager begins to end: it answers nothing any more, and its programs take their time. */
const endManager = (host: SimulatedHost) => host.systemd.unit("user@1000.service")!.stop();

Deno.test("stop-service, apply: a manager that is just ending takes its units along", async () => {
  const host = gnome();
  endManager(host);
  await take(host, PIPEWIRE);
  assertEquals(host.processes.inCgroup(host.systemd.unit("pipewire.service", 1000)!.cgroup), []);
});

Deno.test("stop-service, undo: a manager that is just ending is said, and nothing is left to do", async () => {
  const host = gnome();
  const before = await take(host, PIPEWIRE);
  endManager(host);
  assertEquals(typeof await takeBack(host, PIPEWIRE, before), "string");
});

Deno.test("sessions: one that ends while they are looked at is none", async () => {
  const host = gnome();
  const loginctl = host.commands.get("/usr/bin/loginctl")!;
  host.commands.set("/usr/bin/loginctl", (host, args, stdin) => {
    const left = loginctl(host, args, stdin);
    if (args[0] === "list-sessions") host.logind.sessions.delete("2");
    return left;
  });
  assertEquals(await on(host, readSessions), []);
});
