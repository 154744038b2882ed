import { assert, assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import type { Step } from "../../lib/step.ts";
import { hostOf } from "../on-host.ts";
import type { SessionSpec } from "../simulated/desktop.ts";
import { Hung } from "../simulated/errno.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import type { ProcessSpec } from "../simulated/machine.ts";
import { workstation } from "../simulated/machines.ts";
import { look, take, takeBack } from "./step.ts";

const STEP: Step = { kind: "end-session", id: "2", user: "ann", limitMs: 10_000 };
const SWAY: ProcessSpec = { comm: "sway", args: ["/usr/bin/sway"] };

/** A host with session 2, and a session 22 of the same user. */
function hostWith(more: Partial<ProcessSpec> = {}): SimulatedHost {
  const session: Omit<SessionSpec, "id"> = {
    ...{ uid: 1000, user: "ann", type: "wayland", class: "user", service: "login" },
    processes: [{ ...SWAY, ...more }],
  };
  const sessions = [{ ...session, id: "2" }, { ...session, id: "22", processes: [SWAY] }];
  return hostOf({ ...workstation, processes: [], sessions });
}
const sessions = ({ logind }: SimulatedHost) => [...logind.sessions.keys()];
const asked = ({ operations }: SimulatedHost) => operations.map(({ subject }) => subject);

Deno.test("end-session: that session goes and no other; twice does no harm, and nothing brings it back", async () => {
  const host = hostWith();
  const before = await take(host, STEP);
  assertEquals([before, sessions(host)], [{ already: false }, ["22"]]);
  assertEquals(await look(host, STEP), { already: false });
  await take(host, STEP);
  await takeBack(host, STEP, before);
  assertEquals([sessions(host), asked(host)], [["22"], ["terminate-session 2"]]);
});

Deno.test("end-session: programs that end by themselves are given time to", async () => {
  const host = hostWith({ endsAfter: 15_000 });
  await take(host, STEP);
  assertEquals([sessions(host), asked(host)], [["22"], ["terminate-session 2"]]);
  assert(host.clock.now > 15_000);
});

Deno.test("end-session: one that does not heed TERM is killed while there is time left", async () => {
  const host = hostWith({ ignoresTerm: true });
  await take(host, STEP);
  assertEquals([sessions(host), asked(host)], [["22"], ["terminate-session 2", "kill-session 2"]]);
  assert(host.clock.now > 20_000 && host.clock.now < 21_000, `${host.clock.now}`);
});

Deno.test("end-session: one that logind does not end is an error, in time, and says where to look", async () => {
  const hung = hostWith();
  hung.processes.hang(hung.logind.sessions.get("2")!.leader, new Hung("nvidia"));
  const without = hostWith();
  without.commands.delete("/usr/bin/loginctl");
  for (const host of [hung, without]) {
    const error = await assertRejects(() => take(host, STEP), AidError, "session 2 of ann does not end");
    assertEquals(error.hint, "loginctl session-status 2");
    assert(host.clock.now < 32_000);
  }
});
