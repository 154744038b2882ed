/**
 * Why a start failed is still known when the desktop is back, or the host was rebooted; and what a person is told about the
 * next one is what that does.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { withDesktop } from "../simulated/desktops.ts";
import { singleGpu } from "../simulated/gpu-machines.ts";
import { guestXml, uuidOf } from "../simulated/guests.ts";
import type { Fault } from "../simulated/faults.ts";
import { JOURNALS } from "../../lib/journal.ts";
import { World } from "./world.ts";

const CARD = "0000:03:00.0";
const SOUND = "0000:03:00.1";
const XML = guestXml({ name: "win11", pci: [CARD, SOUND] });
const FILE = "/root/win11.xml";

/** A machine on which a start has failed by these faults, with what virsh said. */
async function failed(...faults: readonly Fault[]): Promise<{ world: World; says: string }> {
  const world = new World(withDesktop(singleGpu, "gnome", CARD), faults);
  world.host.tree.file(FILE, XML);
  const { state, says } = await world.libvirt.start(XML);
  await world.settled();
  assertEquals(state, "shut off", says);
  return { world, says };
}

const outcomes = (world: World) => world.history.map(({ outcome, reason }) => [outcome, reason]);

/** What `virt-aid recover` and `virt-aid plan` mention about the last start, which has to be the same. */
async function noteOf(world: World): Promise<string | undefined> {
  const note = (text: string) => /^note: (.*)\n/m.exec(text)?.[1];
  const recovered = note((await world.run("virt-aid", ["recover"])).stdout);
  assertEquals(note((await world.run("virt-aid", ["plan", FILE])).stdout), recovered);
  return recovered;
}

const NEVER_UP = "the guest did not come up; /var/log/libvirt/qemu/win11.log may say why";
const BEGAN = "the last start of win11, \\d{4}-\\S+,";

Deno.test("QEMU does not start after the hand-over", async () => {
  const { world } = await failed({ name: "qemu-fails" });
  assertEquals([outcomes(world), world.journals], [[["returned", NEVER_UP]], []]);
  assertMatch(world.log, /release-end\twin11\tWARN\tthe guest did not come up/);
  assertMatch((await noteOf(world))!, new RegExp(`^${BEGAN} failed: the guest did not come up`));
});

Deno.test("prepare is killed in the middle", async () => {
  const { world } = await failed({ name: "killed-after-anything", at: 14 });
  const [[outcome, reason], ...more] = outcomes(world) as [[string, string]];
  assertEquals([outcome, more, world.journals], ["returned", [], []]);
  assertMatch(reason, /^prepare did not come to its end; it was at: \S/);
  assertMatch((await noteOf(world))!, new RegExp(`^${BEGAN} failed: prepare did not come to its end`));
});

Deno.test("a step fails, and not everything can be put back until a person calls recover", async () => {
  const { world, says } = await failed({ name: "console-fails" }, { name: "unit-start-fails" });
  assertStringIncludes(says, "not everything could be taken back");
  const [[outcome, reason]] = outcomes(world) as [[string, string]];
  assertEquals([outcome, world.journals.length], ["failed", 1]);
  assertStringIncludes(says, reason);
  const { code, stdout } = await world.run("virt-aid", ["recover"]);
  assertEquals([code, stdout.match(/^note: /gm)?.length], [1, 1], stdout);
  assertStringIncludes(stdout, `failed: ${reason}`);
  world.host.heal();
  assertStringIncludes((await noteOf(world))!, `failed: ${reason}`);
  assertEquals([outcomes(world), world.journals], [[["recovered", reason]], []]);
});

Deno.test("a step hangs in the kernel: what is said of it outlives the reboot that it takes", async () => {
  const { world } = await failed({ name: "unbind-hangs", at: 2 });
  const reason = `prepare did not come to its end; it was at: unbind ${CARD} from amdgpu`;
  assertEquals([outcomes(world), world.journals.length], [[["failed", reason]], 1]);
  world.host.tree.drop(JOURNALS);
  assertMatch((await noteOf(world))!, new RegExp(`^${BEGAN} failed: prepare did not come to its end; it was at: `));
});

Deno.test("the journal is damaged while a start is at work", async () => {
  const { world, says } = await failed({ name: "journal-unreadable", at: 9 });
  const [[outcome, reason]] = outcomes(world) as [[string, string]];
  assertEquals(outcome, "failed");
  assertStringIncludes(says, reason.slice(0, 100));
  world.host.heal();
  world.host.tree.file(`${JOURNALS}/${uuidOf("win11")}.json`, "{");
  const { code, stdout } = await world.run("virt-aid", ["plan", FILE]);
  assertEquals(code, 1);
  assertStringIncludes(stdout, "refused: the journal of an earlier start cannot be read\n");
  const again = await world.libvirt.start(XML);
  assertMatch(again.says, /the journal of guest \S+ cannot be read and was set aside/);
});

Deno.test("a config that is wrong is a refusal like another", async () => {
  const world = new World(withDesktop(singleGpu, "gnome", CARD));
  world.host.tree.file("/etc/virt-aid/config.xml", "<virt-aid><desktp/></virt-aid>");
  assertEquals((await world.libvirt.start(XML)).state, "shut off");
  const [[outcome, reason]] = outcomes(world) as [[string, string]];
  assertEquals(outcome, "refused");
  assertMatch(reason, /^\/etc\/virt-aid\/config\.xml:1:\d+: .*<desktp>/);
  const { stdout } = await world.run("virt-aid", ["recover"]);
  assertMatch(stdout, new RegExp(`^note: ${BEGAN} was refused: /etc/virt-aid/config\\.xml:1:`, "m"));
});

Deno.test("a guest that ran has no failure, unless libvirt says that it gave the start up", async () => {
  for (const [reason, expected] of [["-", undefined], ["crashed", undefined], ["failed", NEVER_UP]] as const) {
    const world = new World(withDesktop(singleGpu, "gnome", CARD));
    assertEquals((await world.libvirt.start(XML)).state, "running");
    await world.libvirt.stop("win11", reason);
    assertEquals(outcomes(world), [["returned", expected]]);
  }
});

Deno.test("after a hang plan says what the start says", async () => {
  const { world } = await failed({ name: "unbind-hangs", at: 2 });
  const said = `unbind ${CARD} from amdgpu of an earlier start hangs in the kernel`;
  const plan = await world.run("virt-aid", ["plan", FILE]);
  assertEquals([plan.ended, plan.code], ["exit", 1]);
  assertStringIncludes(plan.stdout, `would be refused, and nothing touched:\nrefused: ${said}\n`);
  const { says } = await world.libvirt.start(XML);
  assertStringIncludes(says, `virt-aid: win11: ${said}\nhint: only a reboot frees ${CARD}\n`);
  assertEquals(outcomes(world).map(([outcome]) => outcome), ["failed", "refused"]);
  const { stdout } = await world.run("virt-aid", ["recover"]);
  assertEquals(stdout.match(/^note: .*(failed: prepare did not|was refused: unbind)/gm)?.length, 2, stdout);
});

Deno.test("what has hung and goes on after all is taken back by the next start, as plan says", async () => {
  const { world } = await failed({ name: "unbind-hangs", at: 2 });
  world.host.heal();
  world.host.pci.at(CARD).stuck = false;
  for (const process of [...world.host.processes.all.values()].filter(({ hung, killed }) => hung && killed)) {
    world.host.processes.end(process, 137);
  }
  const { code, stdout } = await world.run("virt-aid", ["plan", FILE]);
  assertEquals([code, /would first take back/.test(stdout)], [0, true], stdout);
  const { state, says } = await world.libvirt.start(XML);
  assertEquals(state, "running", says);
});

Deno.test("plan says what a start would take back first, and what it would then do", async () => {
  const { world } = await failed({ name: "console-fails" }, { name: "unit-start-fails" });
  const plan = await world.run("virt-aid", ["plan", FILE]);
  assertMatch(
    plan.stdout,
    /^A start of win11 would first take back what the one of \S+ has left:\n( {6}.*\n)+and then/,
  );
  assertMatch(plan.stdout, /^ {6}stop gdm\.service$/m);
  world.host.heal();
  const { state, says } = await world.libvirt.start(XML);
  assertEquals(state, "running", says);
  const running = await world.run("virt-aid", ["plan", FILE]);
  assert(!/would first|^note:/m.test(running.stdout), running.stdout);
  assertStringIncludes(running.stdout, "now: it is running, with what its start has taken\n");
  assertEquals(world.journals, [`${JOURNALS}/${uuidOf("win11")}.json`]);
});
