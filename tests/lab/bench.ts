/**
 * `deno task lab bench`: what a hand-over costs on a real kernel, next to a shell script that writes the same files and
 * looks at nothing. All in one boot and in turn; absolute times are those of an emulated CPU, the ratios are what counts.
 *
 * @module
 */

import type { Past } from "../../lib/history.ts";
import { describe } from "../../lib/steps/mod.ts";
import type { Guest } from "./guest.ts";
import { DEVICES } from "./hardware.ts";
import type { Host } from "./host.ts";

/** How often each is measured. */
const ROUNDS = 7;
/** What the project wants the hand-over to cost at most beside the start of programs, compared with the bare script. */
const LIMIT = 1.3;
/** Fixed sleeps in seconds, at the start and at the end of a guest, of hook projects that were read in 2026. */
const SLEEPS: Readonly<Record<string, readonly [number, number]>> = {
  "outer-scope/virt-aid": [7, 3],
  "joeknock90, risingprismtv": [2, 0],
  "risingprismtv of 2021": [5, 0],
};

/** The same writes as ours, in the same order, and nothing else: audio, USB and NICs before a GPU. */
const BARE = `
cd /sys/bus/pci/devices
forth() {
  for f in $FUNCTIONS; do echo 0 >$f/d3cold_allowed; echo on >$f/power/control; done
  for f in $FUNCTIONS; do echo vfio-pci >$f/driver_override; done
  for f in $FUNCTIONS; do echo $f >$f/driver/unbind; done
  for f in $FUNCTIONS; do echo $f >/sys/bus/pci/drivers_probe; done
  for f in $FUNCTIONS; do echo on >$f/power/control; done
}
back() {
  for f in $BACKWARDS; do echo $f >$f/driver/unbind; done
  for f in $BACKWARDS; do echo \${HOME_DRIVER[$f]} >$f/driver_override; echo $f >/sys/bus/pci/drivers_probe; done
  for f in $BACKWARDS; do echo >$f/driver_override; done
  for f in $BACKWARDS; do echo on >$f/power/control; echo 1 >$f/d3cold_allowed; done
}`;

const NIC = DEVICES.nic;
const GPU = DEVICES.gpu;
const SETUP = `${BARE}
FUNCTIONS='${NIC.address} ${GPU.address}' BACKWARDS='${GPU.address} ${NIC.address}'
declare -A HOME_DRIVER=([${NIC.address}]=${NIC.driver} [${GPU.address}]=${GPU.driver})
ms() { local began=$EPOCHREALTIME; "$@" >&2 || exit; local ended=$EPOCHREALTIME; echo $(((\${ended/./} - \${began/./}) / 1000)); }
hook() { /etc/libvirt/hooks/qemu "$1" "$2" "$3" - <"/run/lab/$1.xml"; }
`;

/** Middle of some numbers. */
function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

/** One line. */
function row(what: string, forth: number, back: number, unit: string): void {
  const number = (value: number) => value.toFixed(unit === "x" ? 2 : 0).padStart(9);
  console.log(`${what.padEnd(58)}${number(forth)}${number(back)} ${unit}`);
}

/** Times of the way there and the way back, in milliseconds. */
type Times = readonly [forth: number, back: number];

/** Runs lines of bash that print times. */
async function timed(host: Host, lines: string): Promise<number[]> {
  return (await host.must(`${SETUP}${lines}`)).trim().split("\n").map(Number);
}

/** Puts the XML where the hook is given it, as libvirt does. */
async function xmlOf(host: Host, guest: Guest): Promise<void> {
  await host.must(`virsh -q dumpxml ${guest.name} >/run/lab/${guest.name}.xml`);
}

/** Prints what each step took, both ways. */
function timeline({ entries }: Past): void {
  console.log("\nsteps of the last run:");
  for (const { step, ms, undoMs } of entries) row(`  ${describe(step)}`, ms ?? 0, undoMs ?? 0, "ms");
}

/** Measures and prints; gives the exit status. */
export async function bench(host: Host): Promise<number> {
  const guest = await host.guest(["nic", "gpu"]);
  const nothing = await host.guest([], {
    devices: "<channel type='unix'><target type='virtio' name='org.virt-aid.0'/></channel>",
  });
  for (const each of [guest, nothing]) await xmlOf(host, each);
  await host.must("modprobe vfio-pci");
  const bare: Times[] = [], whole: Times[] = [], programs: Times[] = [], inside: Times[] = [];
  // a guest for which our programs start and have nothing to do, while the other has its devices
  const [g, n] = [guest.name, nothing.name];
  const hooks = [`${g} prepare begin`, `${n} prepare begin`, `${n} release end`, `${g} release end`];
  const ours = hooks.map((args) => `ms hook ${args}`).join("\n");
  for (let round = -1; round < ROUNDS; round++) { // the first round warms up
    const [forth, back] = await timed(host, "ms forth; ms back");
    const [prepare, noPrepare, noRelease, release] = await timed(host, ours);
    const { entries } = (await host.history()).at(-1)!;
    const sum = (of: "ms" | "undoMs") => entries.reduce((all, entry) => all + (entry[of] ?? 0), 0);
    if (round < 0) continue;
    bare.push([forth!, back!]);
    whole.push([prepare!, release!]);
    programs.push([noPrepare!, noRelease!]);
    inside.push([sum("ms"), sum("undoMs")]);
  }
  const middle = (times: readonly Times[]): Times => [median(times.map(([a]) => a)), median(times.map(([, b]) => b))];
  const [script, hook, starts, steps] = [middle(bare), middle(whole), middle(programs), middle(inside)];
  const rest: Times = [hook[0] - starts[0], hook[1] - starts[1]];
  console.log(`${" ".repeat(58)}${"there".padStart(9)}${"back".padStart(9)}`);
  row("bare script", ...script, "ms");
  row("our hook, from its start to its end", ...hook, "ms");
  row("  of that: start of the two programs", ...starts, "ms");
  row("  of that: the steps", ...steps, "ms");
  row("  of that: facts, plan, journal, log", rest[0] - steps[0], rest[1] - steps[1], "ms");
  row("the steps / bare script", steps[0] / script[0], steps[1] / script[1], "x");
  row("all but the start of the programs / bare script", rest[0] / script[0], rest[1] / script[1], "x");
  for (const [project, [forth, back]] of Object.entries(SLEEPS)) {
    const [there, home] = await timed(host, `ms eval 'sleep ${forth}; forth'; ms eval 'back; sleep ${back}'`);
    row(`script with the sleeps of ${project} / our hook`, there! / hook[0], home! / hook[1], "x");
  }
  timeline((await host.history()).at(-1)!);
  const held = Math.max(rest[0] / script[0], rest[1] / script[1]) <= LIMIT;
  console.log(
    `\nall but the start of the programs at most ${LIMIT}x of the bare script: ${held ? "held" : "NOT HELD"}`,
  );
  return 0;
}
