import { assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import type { Step } from "../../lib/step.ts";
import { hostOf } from "../on-host.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { workstation } from "../simulated/machines.ts";
import { Link } from "../simulated/tree.ts";
import { look, take, takeBack } from "./step.ts";

const [FIRST, SECOND] = ["getty@tty1.service", "getty@tty2.service"] as const;
const STEP: Step = { kind: "mask-units", units: [FIRST, SECOND] };

/** A host with both login prompts; the administrator has masked some. */
function hostWith(...masks: readonly string[]): SimulatedHost {
  const host = hostOf({ ...workstation, units: [{ name: FIRST }, { name: SECOND }] });
  for (const path of masks) host.tree.put(path, new Link("/dev/null"));
  return host;
}
const masked = ({ systemd }: SimulatedHost) => [FIRST, SECOND].map((name) => systemd.unit(name)!.masked);

Deno.test("mask-units: nobody can start them until they are let go; twice does no harm", async () => {
  const host = hostWith();
  const before = await take(host, STEP);
  assertEquals([before, masked(host)], [{ already: false, ours: `${FIRST} ${SECOND}` }, [true, true]]);
  assertEquals(await look(host, STEP), { already: true, ours: "" }, "another guest has done it");
  await takeBack(host, STEP, before);
  await takeBack(host, STEP, before);
  assertEquals(masked(host), [false, false]);
});

Deno.test("mask-units: what the administrator has masked stays so", async () => {
  for (const folder of ["/run/systemd/system", "/etc/systemd/system"]) {
    const host = hostWith(`${folder}/${FIRST}`);
    const before = await take(host, STEP);
    assertEquals(before, { already: false, ours: SECOND });
    assertEquals(masked(host), [folder.startsWith("/run"), true], "not a second time");
    await takeBack(host, STEP, before);
    assertEquals([host.tree.find(`${folder}/${FIRST}`, false) instanceof Link, masked(host)[1]], [true, false]);
  }
});

Deno.test("mask-units: a unit that only has a file of the administrator's is not masked", async () => {
  const host = hostWith();
  host.tree.put(`/etc/systemd/system/${FIRST}`, new Link("/usr/local/lib/systemd/system/getty@.service"));
  host.tree.file(`/run/systemd/system/${SECOND}`, "[Service]\n");
  assertEquals(await look(host, STEP), { already: false, ours: `${FIRST} ${SECOND}` });
});

Deno.test("mask-units: an answer of systemctl, and none, are errors that say what to run, both ways", async () => {
  const host = hostWith();
  host.commands.set("/usr/bin/systemctl", () => ({ code: 1, stderr: "Failed to mask unit: Access denied\n" }));
  const error = await assertRejects(() => take(host, STEP), AidError, "Failed to mask unit: Access denied");
  assertEquals(error.hint, `run it yourself: /usr/bin/systemctl mask --runtime -- ${FIRST} ${SECOND}`);
  host.commands.delete("/usr/bin/systemctl");
  const back = await assertRejects(
    () => takeBack(host, STEP, { already: false, ours: SECOND }),
    AidError,
    `/usr/bin/systemctl unmask --runtime -- ${SECOND}: missing`,
  );
  assertEquals(back.hint, `run it yourself: /usr/bin/systemctl unmask --runtime -- ${SECOND}`);
});
