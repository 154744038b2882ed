/**
 * `deno task demo`: a guest takes a network card and a second graphics card on the simulated host, and gives them back.
 * `--fault NAME` lets something go wrong, `--list` names what can. The programs are the real ones.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { showPlan } from "../lib/cli/plan.ts";
import { readConfig } from "../lib/config-file.ts";
import { parseDomain } from "../lib/domain.ts";
import { readHost } from "../lib/host/mod.ts";
import type { Entry } from "../lib/journal.ts";
import { planStart, questionFor } from "../lib/plan.ts";
import { describe } from "../lib/steps/mod.ts";
import { World } from "../tests/scenarios/world.ts";
import { FAULTS } from "../tests/simulated/faults.ts";
import { guestXml } from "../tests/simulated/guests.ts";
import { workstation } from "../tests/simulated/machines.ts";
import { functionsOf } from "../tests/simulated/snapshot.ts";

const NAME = "win11";
/** A graphics card that the host does not use, its audio comes along; and a network card. */
const XML = guestXml({ name: NAME, pci: ["0000:01:00.0", "0000:02:00.0"] });
const SHOWN: Readonly<Record<string, string>> = {
  "0000:01:00.0": "second graphics card",
  "0000:01:00.1": "its HDMI audio",
  "0000:02:00.0": "network card",
};

const colour = Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR");
const paint = (code: number) => (text: string): string => colour ? `\x1b[${code}m${text}\x1b[0m` : text;
const bold = paint(1);
const dim = paint(2);
const red = paint(31);
const green = paint(32);
const yellow = paint(33);

/** A heading. */
function title(text: string): void {
  console.log(`\n${bold(text)}`);
}

/** The functions as sysfs has them. */
function showFunctions(world: World): void {
  const functions = functionsOf(world.host);
  console.log(
    dim(`  ${"function".padEnd(14)}${"what".padEnd(22)}${"driver".padEnd(16)}driver_override  d3cold_allowed`),
  );
  for (const [address, what] of Object.entries(SHOWN)) {
    const fn = functions[address];
    const driver = fn?.driver ?? (fn ? "none" : "gone from the bus");
    const shown = (driver === "vfio-pci" ? yellow : fn?.driver ? green : red)(driver.padEnd(16));
    console.log(
      `  ${address.padEnd(14)}${what.padEnd(22)}${shown}${(fn?.override ?? "-").padEnd(17)}${fn?.d3cold ? 1 : 0}`,
    );
  }
}

/** One line for an entry of the journal. */
function line(entry: Entry, ms: number | undefined, word: string): string {
  const time = ms === undefined ? "".padStart(9) : `${ms.toFixed(1).padStart(6)} ms`;
  return `  ${time}  ${describe(entry.step)}${dim(word)}`;
}

/** Steps of a start, as the journal or the history has them. */
function showSteps(entries: readonly Entry[]): void {
  for (const entry of entries) {
    if (entry.state === "skipped") console.log(line(entry, undefined, " (already so)"));
    else if (entry.ms === undefined) console.log(red(line(entry, undefined, " (did not end)")));
    else console.log(line(entry, entry.ms, ""));
  }
}

/** The same steps taken back. */
function showUndo(entries: readonly Entry[]): void {
  for (const entry of entries.toReversed()) {
    if (entry.undoMs === undefined) continue;
    if (entry.error) console.log(red(line(entry, entry.undoMs, `: ${entry.error}`)));
    else console.log(line(entry, entry.undoMs, ""));
  }
}

/** Journal of the guest, if there is one. */
function journal(world: World): { entries: Entry[]; state: string } | undefined {
  const text = world.journals[0] && world.host.tree.texts("/run/virt-aid/guests")[world.journals[0]];
  return text ? JSON.parse(text) : undefined;
}

/** What the last run was. */
function past(world: World): { entries: Entry[]; outcome: string } | undefined {
  return world.history.at(-1) as { entries: Entry[]; outcome: string } | undefined;
}

/** The plan, as `virt-aid plan` shows it. */
async function showPlanOf(): Promise<void> {
  const world = new World(workstation);
  const program = world.host.start(async (system) => {
    world.host.mounted.add("sysfs").add("proc");
    const domain = parseDomain(XML);
    const config = readConfig(system);
    const host = await readHost(system, questionFor(domain, config));
    console.log(showPlan(planStart(domain, config, host)).trimEnd());
    return 0;
  }, { program: "/etc/libvirt/hooks/virt-aid/virt-aid" });
  await program.ended;
}

/** The whole life of a guest; gives whether the host is as before. */
async function life(fault: string | undefined): Promise<boolean> {
  const world = new World(workstation, fault ? [{ name: fault }] : []);
  const before = JSON.stringify(functionsOf(world.host));

  title("The host before");
  showFunctions(world);
  title(`virt-aid plan ${NAME}`);
  await showPlanOf();

  title(`virsh start ${NAME}${fault ? `, with the fault ${fault}: ${FAULTS[fault]!.description}` : ""}`);
  const started = await world.libvirt.start(XML);
  let ended = started;
  const run = journal(world) ?? past(world);
  if (run) showSteps(run.entries);
  if (started.state === "running") {
    title("The host while the guest runs");
    showFunctions(world);
    title(`virsh destroy ${NAME}`);
    ended = await world.libvirt.stop(NAME);
  } else {
    console.log(`\n${red(started.says.trimEnd() || `the guest is ${started.state}`)}`);
    title("Taken back");
  }
  if (started.state === "lost") {
    console.log("  libvirtd is gone; at its next start the daemon hook starts the recovery");
    await world.libvirt.restart();
  }
  const over = journal(world) ?? past(world);
  if (over) showUndo(over.entries);
  for (const { event, code, stderr } of ended.hooks) {
    if (event.startsWith("release") && code !== 0) console.log(`\n${red(`in libvirt's log: ${stderr.trimEnd()}`)}`);
  }

  title("The host after");
  showFunctions(world);
  const same = JSON.stringify(functionsOf(world.host)) === before;
  const left = journal(world);
  console.log(
    same && !left
      ? green("\nEverything is as it was.")
      : red("\nNot everything is as it was, and the journal says what is left: ") +
        (left ? "`virt-aid recover` knows it" : "!"),
  );
  return same;
}

const args = parseArgs(Deno.args, { boolean: ["list", "help"], string: ["fault"] });
if (args.help) {
  console.log("deno task demo [--list] [--fault NAME]");
} else if (args.list) {
  for (const [name, { description }] of Object.entries(FAULTS)) console.log(`${name.padEnd(30)}${description}`);
} else if (args.fault !== undefined && !Object.hasOwn(FAULTS, args.fault)) {
  console.error(`there is no fault ${args.fault}\nhint: deno task demo --list`);
  Deno.exit(1);
} else {
  await life(args.fault);
}
