/**
 * `deno task lab bench`: what a hand-over costs on a real kernel, next to a shell script that writes the same files
 * and looks at nothing. All in one boot and in turn; absolute times are those of an emulated CPU, the ratios are what
 * counts. A limit that is not held is said and fails nothing, because the timeline above it is what explains it;
 * `deno task bench` (tools/bench.ts) is what fails on limits.
 *
 * @module
 */

import { AidError } from "../../lib/errors.ts";
import type { Past } from "../../lib/history.ts";
import { describe } from "../../lib/steps/mod.ts";
import type { Guest } from "./guest.ts";
import { DEVICES } from "./hardware.ts";
import type { Host } from "./host.ts";

/** How often each is measured. */
const ROUNDS = 7;
/** What the project wants the hand-over to cost at most, compared with the bare script. */
const LIMIT = 1.3;
/**
 * Fixed sleeps in seconds, at the start and at the end of a guest, of hook projects that were read in 2026; undefined
 * where nobody has measured it.
 */
const SLEEPS: Readonly<Record<string, readonly [start: number, end: number | undefined]>> = {
  "outer-scope/virt-aid": [7, 3],
  "vm-curator": [5, 7],
  "the NixOS RDNA4 hook": [4, 3],
  "risingprismtv of 2021": [5, undefined],
  "joeknock90, risingprismtv": [2, 0],
  "vfioctl": [1, 0],
};
/** Those that sleep nowhere: the bare script stands for them. */
const NO_SLEEPS = "VFIO-Tools, QaidVoid, portellam";

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
  for f in $BACKWARDS; do echo \${CONTROL[$f]} >$f/power/control; echo \${D3COLD[$f]} >$f/d3cold_allowed; done
}`;

const NIC = DEVICES.nic;
const GPU = DEVICES.gpu;
/**
 * What each request begins with. No `||` behind `ms` or in it: bash would then go on after a failed write. `check`
 * fails unless all functions have that driver, or the one that they have at home.
 */
const SETUP = `${BARE}
FUNCTIONS='${NIC.address} ${GPU.address}' BACKWARDS='${GPU.address} ${NIC.address}'
declare -A HOME_DRIVER=([${NIC.address}]=${NIC.driver} [${GPU.address}]=${GPU.driver})
ms() {
  local began=$EPOCHREALTIME
  "$@" >&2
  local ended=$EPOCHREALTIME
  echo $(((\${ended/./} - \${began/./}) / 1000))
}
hook() { /etc/libvirt/hooks/qemu "$1" "$2" "$3" - <"/run/lab/$1.xml"; }
check() {
  local f driver want
  for f in $FUNCTIONS; do
    driver=$(readlink $f/driver) || driver=none
    want=$1; [ $want != home ] || want=\${HOME_DRIVER[$f]}
    [ \${driver##*/} = $want ] || { echo "$f has the driver \${driver##*/} and not $want" >&2; exit 1; }
  done
}
`;
/** Prints, as bash that sets it again, the power settings that the functions have at home. */
const REMEMBER = `declare -A CONTROL D3COLD
for f in $FUNCTIONS; do CONTROL[$f]=$(<$f/power/control); D3COLD[$f]=$(<$f/d3cold_allowed); done
check home
declare -p CONTROL D3COLD`;

/** Lines that time both ways of the script. What has not happened is not counted; looking for that is not timed. */
const timeBoth = (forth: string, back: string) => `ms ${forth}; check vfio-pci; ms ${back}; check home`;

/** Middle of some numbers. */
function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

/** One line; a number that nobody has measured is left out. */
function row(what: string, forth: number, back: number | undefined, unit: string): void {
  const number = (value?: number) => (value?.toFixed(unit === "x" ? 2 : 0) ?? "").padStart(9);
  console.log(`${what.padEnd(58)}${number(forth)}${number(back)} ${unit}`);
}

/** Times of the way there and the way back, in milliseconds. */
type Times = readonly [forth: number, back: number];

/** Runs lines of bash, each of which has to succeed; gives what they print. */
async function bash(host: Host, setup: string, lines: string): Promise<string> {
  const { code, stdout, stderr } = await host.run(`set -eu -o pipefail\n${setup}\n${lines}`);
  if (code === 0) return stdout.trim();
  throw new AidError(
    `nothing can be compared, status ${code} of: ${lines}\n${stderr.trim()}`,
    "`deno task lab shell` gives a machine to look at",
  );
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

/** Measures and prints; gives the exit status, which is 0 whether the limits are held or not. */
export async function bench(host: Host): Promise<number> {
  const guest = await host.guest(["nic", "gpu"]);
  const nothing = await host.guest([], {
    devices: "<channel type='unix'><target type='virtio' name='org.virt-aid.0'/></channel>",
  });
  for (const each of [guest, nothing]) await xmlOf(host, each);
  await host.must("modprobe vfio-pci");
  const home = await bash(host, SETUP, REMEMBER);
  const timed = async (lines: string) => (await bash(host, SETUP + home, lines)).split("\n").map(Number);
  const bare: Times[] = [], whole: Times[] = [], programs: Times[] = [], inside: Times[] = [];
  // a guest for which our programs start and have nothing to do, while the other has its devices
  const [g, n] = [guest.name, nothing.name];
  const ours = `ms hook ${g} prepare begin; check vfio-pci; ms hook ${n} prepare begin
    ms hook ${n} release end; ms hook ${g} release end; check home`;
  for (let round = 0; round <= ROUNDS; round++) {
    console.log(round === 0 ? "a round to warm up" : `round ${round} of ${ROUNDS}`);
    const [forth, back] = await timed(timeBoth("forth", "back"));
    const [prepare, noPrepare, noRelease, release] = await timed(ours);
    const { entries } = (await host.history()).at(-1)!;
    const sum = (of: "ms" | "undoMs") => entries.reduce((all, entry) => all + (entry[of] ?? 0), 0);
    if (round === 0) continue;
    bare.push([forth!, back!]);
    whole.push([prepare!, release!]);
    programs.push([noPrepare!, noRelease!]);
    inside.push([sum("ms"), sum("undoMs")]);
  }
  const middle = (times: readonly Times[]): Times => [median(times.map(([a]) => a)), median(times.map(([, b]) => b))];
  const [script, hook, starts, steps] = [middle(bare), middle(whole), middle(programs), middle(inside)];
  const rest: Times = [hook[0] - starts[0], hook[1] - starts[1]];
  console.log(`\n${" ".repeat(58)}${"there".padStart(9)}${"back".padStart(9)}`);
  row("bare script", ...script, "ms");
  row("our hook, from its start to its end", ...hook, "ms");
  row("  of that: start of the two programs", ...starts, "ms");
  row("  of that: the steps", ...steps, "ms");
  row("  of that: facts, plan, journal, log", rest[0] - steps[0], rest[1] - steps[1], "ms");
  const toScript = ([forth, back]: Times): Times => [forth / script[0], back / script[1]];
  const ratios: Readonly<Record<string, Times>> = {
    "the steps / bare script": toScript(steps),
    "all but the start of the programs / bare script": toScript(rest),
  };
  for (const [what, ratio] of Object.entries(ratios)) row(what, ...ratio, "x");
  console.log("\nbare script with the fixed sleeps of a project / our hook:");
  row(`  no sleeps: ${NO_SLEEPS}`, script[0] / hook[0], script[1] / hook[1], "x");
  for (const [project, [start, end]] of Object.entries(SLEEPS)) {
    const forth = start ? `eval 'sleep ${start}; forth'` : "forth";
    const back = end ? `eval 'back; sleep ${end}'` : "back";
    const [there, backHome] = await timed(timeBoth(forth, back));
    row(`  ${project}`, there! / hook[0], end === undefined ? undefined : backHome! / hook[1], "x");
  }
  timeline((await host.history()).at(-1)!);
  console.log();
  for (const [what, ratio] of Object.entries(ratios)) {
    console.log(`${what}, at most ${LIMIT}: ${Math.max(...ratio) <= LIMIT ? "held" : "NOT HELD"}`);
  }
  return 0;
}
