/**
 * Whole programs on the simulated host that are given what they cannot use: each says so in a few words with a hint, and
 * nothing is lost or half done.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { HISTORY } from "../../lib/history.ts";
import { JOURNALS } from "../../lib/journal.ts";
import { GPU, NIC } from "../on-host.ts";
import { guestXml, uuidOf } from "../simulated/guests.ts";
import { workstation } from "../simulated/machines.ts";
import type { Outcome } from "../simulated/process.ts";
import { functionsOf } from "../simulated/snapshot.ts";
import { World } from "./world.ts";

const XML = guestXml({ name: "win11", pci: [{ address: GPU, managed: false }] });
const START = functionsOf(new World(workstation).host);
const PREPARE = ["win11", "prepare", "begin", "-"];
const RELEASE = ["win11", "release", "end", "destroyed"];

/** A failure that a person can read, with what to do about it. */
function checkFailure({ ended, code, stdout, stderr, error }: Outcome, says: string): void {
  const bytes = (text: string) => new TextEncoder().encode(text).length;
  assertEquals([ended, code, stdout, error], ["exit", 1, "", undefined]);
  assert(bytes(stderr.split("\n")[0]!) < 200 && bytes(stderr) < 1024, stderr);
  assertMatch(stderr, /^virt-aid: [^\n]+\n([^\n]+\n)*hint: [^\n]+\n$/);
  assertStringIncludes(stderr, says);
}

/** Nothing has been touched, and nothing is left behind. */
function checkUntouched(world: World): void {
  assertEquals([functionsOf(world.host), world.journals, world.host.harms], [START, [], []]);
  assertEquals(world.host.locks.holders(), []);
}

/** A start that is refused, by the phase and by the dispatcher in the same words. */
async function refused(xml: string, says: string, world = new World(workstation), args = PREPARE): Promise<void> {
  const phase = await world.run("prepare-begin", args, xml);
  checkFailure(phase, says);
  checkUntouched(world);
  const whole = await world.run("qemu", args, xml);
  checkFailure(whole, says);
  checkUntouched(world);
}

/** A world in which the guest runs. */
async function running(): Promise<World> {
  const world = new World(workstation);
  const { state, says } = await world.libvirt.start(XML);
  assertEquals([state, says], ["running", ""]);
  return world;
}

const address = (place: string) => XML.replace(/(<source><address) [^>]*/, `$1 ${place}/`);
const device = /<hostdev[^]*<\/hostdev>/.exec(XML)![0];
const BAD_XML: readonly [what: string, xml: string, says: string][] = [
  ["no XML", "hello <hostdev", "domain XML:1:"],
  ["cut in half", XML.slice(0, XML.indexOf("</hostdev>")), "domain XML:"],
  ["of another kind", "<network><forward><interface type='hostdev'/></forward></network>", "but of a <network>"],
  ["without a name", XML.replace(/<name>.*<\/name>/, ""), "<domain> has no <name>"],
  ["without a UUID", XML.replace(/<uuid>.*<\/uuid>/, ""), "<domain> has no <uuid>"],
  ["with a UUID that leads elsewhere", XML.replace(/<uuid>.*<\/uuid>/, "<uuid>../../etc</uuid>"), "is not a UUID"],
  ["with a bus out of range", address("bus='0x100' slot='0' function='0'"), 'bus "0x100" is not a number from'],
  ["with a slot out of range", address("bus='1' slot='0x20' function='0'"), 'slot "0x20" is not a number from'],
  ["with a function out of range", address("bus='1' slot='0' function='8'"), 'function "8" is not a number from'],
  ["with a bus that is no number", address("bus='1e1' slot='0' function='0'"), 'bus "1e1" is not a number from'],
  ["without an address", XML.replace(/<source>.*<\/source>/, ""), "<hostdev> has no <source>"],
  ["with a device twice", XML.replace(device, device + device), `${GPU} is given to the guest twice`],
  ["with a DOCTYPE", `<!DOCTYPE d [<!ENTITY a "b">]>${XML}`, "domain XML:1:"],
  ["nested without an end", `<hostdev>${"<a>".repeat(100_000)}`, "domain XML:"],
  ["with a driver of a long name", XML.replace("name='vfio'", `model='${"x".repeat(5_000)}'`), "no driver xxx"],
  ["with a driver that leads elsewhere", XML.replace("name='vfio'", "model='../../devices'"), "driver ../../devices"],
];
for (const [what, xml, says] of BAD_XML) {
  Deno.test(`prepare: XML ${what} is refused`, () => refused(xml, says));
}

Deno.test("prepare: nothing on standard input is refused", async () => {
  const world = new World(workstation);
  checkFailure(await world.run("prepare-begin", PREPARE, ""), "domain XML:1:1");
  checkUntouched(world);
});

Deno.test("prepare: 16 MiB of XML and a byte are refused", async () => {
  const world = new World(workstation);
  const xml = XML + " ".repeat(16 * 1024 * 1024 + 1 - XML.length);
  checkFailure(await world.run("prepare-begin", PREPARE, xml), "has more than 16 MiB");
  checkFailure(await world.run("qemu", PREPARE, xml), "longer than 16777216 bytes");
  checkUntouched(world);
});

Deno.test("prepare: 10,000 devices are refused in few words", async () => {
  const hex = (n: number) => n.toString(16).padStart(2, "0");
  const pci = Array.from({ length: 10_000 }, (_, n) => `00${hex(n >> 8)}:${hex(n & 0xff)}:1f.7`);
  const world = new World(workstation);
  checkFailure(await world.run("qemu", PREPARE, guestXml({ name: "win11", pci })), "and 9997 more");
  checkUntouched(world);
});

for (const name of ["..", "a\nb", "a/b", "x".repeat(300), "\x1b[2J\u202e"]) {
  Deno.test(`prepare: a guest called ${JSON.stringify(name).slice(0, 20)} gets no device, and its release is no failure`, async () => {
    const world = new World(workstation);
    const xml = guestXml({ name: name.replaceAll("\x1b", "\x9b"), pci: [GPU] });
    await refused(xml, "the guest's name cannot be used", world, [name, "prepare", "begin", "-"]);
    const release = await world.run("release-end", [name, "release", "end", "failed"], xml);
    assertEquals([release.code, release.stderr], [0, ""]);
    checkUntouched(world);
  });
}

Deno.test("a guest called --help starts and ends as any other", async () => {
  const world = new World(workstation);
  assertEquals((await world.libvirt.start(guestXml({ name: "--help", pci: [GPU] }))).state, "running");
  assertEquals((await world.libvirt.stop("--help")).hooks.map(({ code }) => code), [0, 0]);
  checkUntouched(world);
});

const COUNTS = [[], ["win11"], ["win11", "prepare", "begin"], ["a", "b", "c", "d", "e", "f"]];
for (const program of ["qemu", "prepare-begin", "started-begin", "release-end", "user-scripts"]) {
  Deno.test(`${program}: any other number of arguments is said, and nothing done`, async () => {
    for (const args of COUNTS) {
      const world = await running();
      const before = functionsOf(world.host);
      const outcome = await world.run(program, args, XML);
      // a guest that runs is never stopped for what started-begin says
      checkFailure(program === "started-begin" ? { ...outcome, code: 1 + outcome.code } : outcome, program);
      assertEquals([functionsOf(world.host), world.journals.length], [before, 1]);
    }
  });
}

const BROKEN = "<virt-aid>\n  <alow only-route='yes'/>\n</virt-aid>\n";
Deno.test("a config with an error: a start is refused with its place, a release returns everything", async () => {
  const world = new World(workstation);
  world.host.tree.file("/etc/virt-aid/config.xml", BROKEN);
  await refused(XML, "/etc/virt-aid/config.xml:2:3: ", world);
  const later = await running();
  later.host.tree.file("/etc/virt-aid/config.xml", BROKEN);
  assertEquals((await later.libvirt.stop("win11")).hooks.map(({ code }) => code), [0, 0]);
  checkUntouched(later);
});

for (const what of ["", XML.slice(0, 400), "<network/>", " ".repeat(16 * 1024 * 1024 + 1)]) {
  Deno.test(`release: ${what.length} bytes that are no domain: the journal is found by the guest's name`, async () => {
    const world = await running();
    world.host.processes.kill(world.libvirt.running.get("win11")!.qemu!.pid);
    const { code, stderr } = await world.run("release-end", RELEASE, what);
    assertEquals([code, stderr], [0, ""]);
    checkUntouched(world);
  });
}

/** A world in which the guest runs, and its journal is cut in half. */
async function cut(): Promise<World> {
  const world = await running();
  const path = world.journals[0]!;
  world.host.tree.file(path, world.host.tree.texts(JOURNALS)[path]!.slice(0, 500), 0o600);
  return world;
}

for (
  const [program, args] of [["prepare-begin", PREPARE], ["release-end", RELEASE], ["virt-aid", ["recover"]]] as const
) {
  Deno.test(`a journal that is cut in half, at ${args[1] ?? args[0]}: set aside and said, nothing is touched`, async () => {
    const world = await cut();
    world.host.processes.kill(world.libvirt.running.get("win11")!.qemu!.pid);
    const before = functionsOf(world.host);
    checkFailure(await world.run(program, args, XML), `${uuidOf("win11")} cannot be read and was set aside`);
    assertEquals([functionsOf(world.host), world.journals], [before, []]);
    assertEquals(Object.keys(world.host.tree.texts(JOURNALS)).filter((it) => it.endsWith(".unreadable")).length, 1);
  });
}

const FINDERS: readonly [what: string, find: (world: World) => Promise<unknown>][] = [
  ["a start of another guest", (world) => world.libvirt.start(guestXml({ name: "linux", pci: [NIC] }))],
  ["a release of another guest", (world) => world.run("release-end", ["linux", "release", "end", "-"], "")],
  ["virt-aid plan", (world) => {
    world.host.tree.file("/linux.xml", guestXml({ name: "linux", pci: [NIC] }));
    return world.run("virt-aid", ["plan", "/linux.xml"]);
  }],
];
for (const [what, find] of FINDERS) {
  Deno.test(`a journal that is cut in half, found by ${what}: said, as it is never found again`, async () => {
    const world = await cut();
    const said = JSON.stringify(await find(world)) + world.log;
    const left = world.journals.some((path) => path.includes(uuidOf("win11")));
    assert(left || said.includes("was set aside"), said);
  });
}

Deno.test("a journal that is damaged while its guest runs is a failure at the guest's end, also after libvirtd's restart", async () => {
  const world = await cut();
  await world.libvirt.restart();
  await world.settled();
  const [, release] = (await world.libvirt.stop("win11")).hooks;
  assertEquals(release!.code, 1);
  assertStringIncludes(release!.stderr, "cannot be read and was set aside");
  checkFailure(await world.run("virt-aid", ["recover"]), "cannot be read and was set aside");
});

Deno.test("a folder of journals that is closed: a start is refused, a release says so and changes nothing", async () => {
  const world = new World(workstation);
  world.host.tree.folder(JOURNALS);
  world.host.tree.closed.set(JOURNALS, () => true);
  await refused(XML, "Permission denied", world);
  const later = await running();
  const before = functionsOf(later.host);
  later.host.tree.closed.set(JOURNALS, () => true);
  checkFailure(await later.run("qemu", RELEASE, XML), "Permission denied");
  assertEquals(functionsOf(later.host), before);
  later.host.tree.closed.clear();
  assertEquals((await later.libvirt.stop("win11")).hooks.map(({ code }) => code), [0, 0]);
  checkUntouched(later);
});

for (const name of ["closed", "var-full", "log-full"]) {
  Deno.test(`a history or log that cannot be written (${name}) keeps no guest from starting and ending`, async () => {
    const world = new World(workstation);
    if (name === "closed") {
      world.host.tree.folder(HISTORY);
      world.host.tree.closed.set(HISTORY, () => true);
    } else world.host.fault({ name });
    assertEquals((await world.libvirt.start(XML)).state, "running");
    assertEquals((await world.libvirt.stop("win11")).hooks.map(({ code }) => code), [0, 0]);
    checkUntouched(world);
  });
}

Deno.test("a full /run: a start is refused, a release returns everything", async () => {
  const world = new World(workstation);
  world.host.fault({ name: "run-full" });
  await refused(XML, "No space left on device", world);
  const later = await running();
  later.host.fault({ name: "run-full" });
  assertEquals((await later.libvirt.stop("win11")).hooks.map(({ code }) => code), [0, 0]);
  checkUntouched(later);
});
