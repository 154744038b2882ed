/**
 * Every fault at every operation of a whole life of a guest: nothing is harmed, everything is back, or what is not is
 * said and known to `virt-aid recover`.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Journal } from "../../lib/journal.ts";
import { chances, type Fault, FAULTS } from "../simulated/faults.ts";
import { guestXml } from "../simulated/guests.ts";
import type { Result } from "../simulated/libvirt.ts";
import { workstation } from "../simulated/machines.ts";
import { functionsOf } from "../simulated/snapshot.ts";
import { World } from "./world.ts";

const XML = guestXml({ name: "win11", pci: ["0000:01:00.0", { address: "0000:02:00.0", managed: false }] });
const START = functionsOf(new World(workstation).host);

/** A guest's life, whatever happens in it; libvirtd comes back where it died. */
async function life(faults: readonly Fault[]): Promise<{ world: World; results: Result[] }> {
  const world = new World(workstation, faults);
  const results = [await world.libvirt.start(XML)];
  if (results[0]!.state === "lost") await world.libvirt.restart();
  if (world.libvirt.running.has("win11")) results.push(await world.libvirt.stop("win11"));
  await world.settled();
  return { world, results };
}

/** What is left in journals. */
function journalsOf(world: World): Journal[] {
  const texts = world.host.tree.texts("/run/virt-aid/guests");
  return world.journals.map((path) => JSON.parse(texts[path]!));
}

/** What holds for every hook that ended, whatever went wrong. */
function checkHooks(results: readonly Result[]): void {
  for (const { event, ended, code, stderr } of results.flatMap(({ hooks }) => hooks)) {
    const bytes = (text: string) => new TextEncoder().encode(text).length;
    if (ended === "killed") continue; // by the fault itself
    assertEquals(ended, "exit", `${event} did not end`);
    assert(code === 0 || code === 1, `${event} ended with ${code}`);
    if (code === 0) continue;
    assertMatch(
      stderr,
      /^virt-aid: win11: .*(0000:0\d:00\.\d|vfio-pci|journal|No space left|libvirtd went away|ended with)/,
      event,
    );
    assertMatch(stderr, /\nhint: .+\n$|ended with status/, event);
    assert(bytes(stderr.split("\n")[0]!) < 200 && bytes(stderr) < 1024, `${event} says too much: ${stderr}`);
  }
}

/** Functions that are not as they were at the start. */
function changed(world: World): string[] {
  const now = functionsOf(world.host);
  return Object.keys(START).filter((address) => JSON.stringify(now[address]) !== JSON.stringify(START[address]));
}

/** What holds at the end: as at the start, or the journal names every function that is not. */
function checkEnd(world: World): void {
  assertEquals(world.host.harms, []);
  const journals = journalsOf(world);
  const named = journals.flatMap(({ entries }) => entries)
    .filter(({ state }) => !["skipped", "undone", "passed-on"].includes(state))
    .flatMap(({ step }) => "address" in step ? [step.address] : []);
  const said = world.log.includes("was set aside");
  for (const address of changed(world)) {
    assert(said || named.includes(address), `${address} is not as it was, and nobody says so`);
  }
  for (const journal of journals) assert(["failed", "undoing"].includes(journal.state), journal.state);
}

/** Faults after which something is left that is not ours to take back: another driver has it, or its journal is lost. */
const BEYOND = /^(wrong-driver|journal-unreadable)$/;

/** Without the fault, `virt-aid recover` brings everything back, but for what hangs until a reboot. */
async function checkRecovery(world: World, fault: string): Promise<void> {
  world.host.heal();
  if (BEYOND.test(fault)) return;
  const hung = journalsOf(world).some(({ entries }) => entries.some(({ state }) => state === "hung"));
  const { ended, code, stderr } = await world.run("virt-aid", ["recover"]);
  assertEquals([ended, code], ["exit", hung ? 1 : 0], stderr);
  if (hung) assertMatch(stderr, /hangs in the kernel/);
  else assertEquals([changed(world), world.journals], [[], []], stderr);
}

/** A life with a fault in it, and all that holds then. */
async function check(fault: Fault): Promise<void> {
  const { world, results } = await life([fault]);
  try {
    checkHooks(results);
    checkEnd(world);
    await checkRecovery(world, fault.name);
  } catch (error) {
    const said = results.flatMap(({ hooks }) => hooks).map(({ event, stderr }) => `${event}: ${stderr}`).join("\n");
    throw new Error(`${fault.name} at ${fault.at ?? "every operation"}\n${said}\n${world.log}`, { cause: error });
  }
}

const clean = await life([]);

Deno.test("a life without faults leaves everything as it was", () => {
  checkHooks(clean.results);
  assertEquals(clean.results.map(({ state }) => state), ["running", "shut off"]);
  assertEquals([changed(clean.world), clean.world.journals, clean.world.host.harms], [[], [], []]);
  assertEquals(clean.world.history.map(({ outcome }) => outcome), ["returned"]);
});

for (const name of Object.keys(FAULTS)) {
  const times = Math.max(1, chances(name, clean.world.host.operations));
  Deno.test(`${name} at each of ${times} operations, and at all of them`, async () => {
    for (let at = 1; at <= times; at++) await check({ name, at });
    await check({ name });
  });
}
