import { assertEquals, assertStringIncludes } from "@std/assert";
import type { InhibitSleep } from "../../lib/step.ts";
import { inhibitSleep } from "../../lib/steps/inhibit-sleep.ts";
import { hostOf, on } from "../on-host.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { take, takeBack } from "./step.ts";

const PROGRAM = "/usr/bin/systemd-inhibit";
const STEP: InhibitSleep = { kind: "inhibit-sleep", why: "guest win11 has a graphics card" };
const OTHER: InhibitSleep = { kind: "inhibit-sleep", why: "guest linux has a graphics card" };

/** Command lines of what keeps the host awake. */
const inhibitors = ({ processes }: SimulatedHost) =>
  [...processes.all.values()].map(({ spec }) => spec.args ?? []).filter(([program]) => program === PROGRAM);
const wanted = ({ why }: InhibitSleep) => [
  PROGRAM,
  "--what=sleep:idle",
  "--mode=block",
  "--who=virt-aid",
  `--why=${why}`,
  "--",
  "/usr/bin/sleep",
  "infinity",
];

Deno.test("inhibit-sleep: the host is kept awake, after our program too, until it is taken back; twice does no harm", async () => {
  const host = hostOf();
  const before = await take(host, STEP);
  assertEquals([before, inhibitors(host)], [{ already: false }, [wanted(STEP)]]);
  await takeBack(host, STEP, before);
  await takeBack(host, STEP, before);
  assertEquals(inhibitors(host), []);
});

Deno.test("inhibit-sleep: what a second time has started goes with the first", async () => {
  const host = hostOf();
  await take(host, STEP);
  await takeBack(host, STEP, await take(host, STEP));
  assertEquals(inhibitors(host), []);
});

Deno.test("inhibit-sleep: another guest's stays", async () => {
  const host = hostOf();
  const before = await take(host, STEP);
  await take(host, OTHER);
  await takeBack(host, STEP, before);
  assertEquals(inhibitors(host), [wanted(OTHER)]);
});

Deno.test("inhibit-sleep: a host without the program is a note, and nothing is taken back", async () => {
  const host = hostOf();
  host.commands.delete(PROGRAM);
  const said = await on(host, (system) => inhibitSleep.apply(system, STEP, { already: false }, 5_000));
  assertEquals(
    said,
    "nothing keeps the host from going to sleep while the guest runs: /usr/bin/systemd-inhibit does not work",
  );
  assertEquals(await takeBack(host, STEP, { already: false }), undefined);
});

Deno.test("inhibit-sleep: a program that fails at once is a note", async () => {
  const host = hostOf();
  host.commands.set(PROGRAM, () => ({ code: 1, stderr: "Failed to inhibit: Access denied\n" }));
  const said = await on(host, (system) => inhibitSleep.apply(system, STEP, { already: false }, 5_000));
  assertStringIncludes(String(said), "nothing keeps the host from going to sleep");
});
