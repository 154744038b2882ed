import { unknownClaims } from "../claims.ts";
import { parseDomain } from "../domain.ts";
import { AidError, printable } from "../errors.ts";
import { MAX_XML } from "../event.ts";
import { heldBy } from "../host/holders.ts";
import { ownerName } from "../host/owners.ts";
import { qemuRuns, startOf } from "../host/processes.ts";
import { lastFailure } from "../history.ts";
import { isOver, type Journal, JOURNALS, readJournals } from "../journal.ts";
import { look, stuckAt } from "../look.ts";
import type { Plan } from "../plan.ts";
import type { Finding } from "../preflight/finding.ts";
import { describe } from "../steps/mod.ts";
import type { System } from "../system.ts";
import { ensureViews } from "../views.ts";
import type { Subcommand } from "./mod.ts";

/** A plan as a person reads it. */
export function showPlan(plan: Plan): string {
  const steps = plan.steps.map((step, i) => `${`${i + 1}`.padStart(4)}. ${describe(step)}`);
  const found = (title: string, findings: Plan["refusals"]) =>
    findings.flatMap(({ reason, hint }) => [`${title}: ${printable(reason)}`, `  hint: ${printable(hint)}`]);
  const head = plan.refusals.length > 0
    ? `A start of ${printable(plan.guest.name)} would be refused, and nothing touched:`
    : steps.length > 0
    ? `A start of ${printable(plan.guest.name)} would take these steps, and its end would take them back:`
    : `${printable(plan.guest.name)} has no PCI device of the host: nothing to do.`;
  const holders = plan.holders.map((holder) => `now: ${printable(`${heldBy(holder)}, of ${ownerName(holder.owner)}`)}`);
  return [head, ...steps, ...holders, ...found("refused", plan.refusals), ...found("warning", plan.warnings), ""].join(
    "\n",
  );
}

/** A path as seen from the folder that we were called in: the programs that we run are started in another one. */
function absolute(system: System, path: string): string {
  return path.startsWith("/") ? path : `${system.link(`/proc/${system.pid}/cwd`) ?? ""}/${path}`;
}

/** The domain XML of a file, or what libvirt has for a guest. Both through a program: we may not read any file ourselves. */
async function xmlOf(system: System, what: string): Promise<string> {
  const command = what.endsWith(".xml")
    ? { program: "/usr/bin/head", args: ["-c", `${MAX_XML + 1}`, "--", absolute(system, what)] }
    : { program: "/usr/bin/virsh", args: ["-c", "qemu:///system", "dumpxml", "--", what] };
  const result = await system.run({ ...command, timeoutMs: 30_000, maxOutput: MAX_XML + 1 });
  if (result.ended !== "exit" || result.code !== 0) {
    const said = result.stderr.trim().split("\n")[0] || `${command.program}: ${result.ended}`;
    throw new AidError(said, "name a guest that `virsh list --all` shows, or a file that ends in .xml");
  }
  if (result.stdout.length > MAX_XML) throw new AidError(`${what} has more than 16 MiB`, "is it a domain XML?");
  return new TextDecoder().decode(result.stdout);
}

/** What an earlier start of the guest has left, and a start would take back first, as a person reads it. */
function showLeft({ guest, began, entries }: Journal): string {
  const left = entries.filter((entry) => !isOver(entry)).toReversed();
  const start = `A start of ${printable(guest.name)} would first take back what the one of ${
    printable(began)
  } has left:`;
  const end = "and then go by what it finds. As of now:";
  return [start, ...left.map(({ step }) => `      ${describe(step)}`), end, ""].join("\n");
}

/** A start refuses that once, and sets the file aside. */
const UNREADABLE: Finding = {
  reason: "the journal of an earlier start cannot be read",
  hint: "`virt-aid recover` sets it aside, and says where to look for what is left",
};

/** Does a program that was ended still sit in the kernel with what the journal says? A lock names who has it. */
function isStuck(system: System, { guest: { uuid }, entries }: Journal): boolean {
  const locks = system.list(JOURNALS).filter((name) => name.startsWith(uuid) && name.endsWith(".lock"));
  const holders = locks.map((name) => Number(system.read(`${JOURNALS}/${name}`)));
  return entries.some(({ state }) => state === "hung") && holders.some((pid) => startOf(system, pid) !== undefined);
}

/** Shows what a start of a guest would do. */
export const plan: Subcommand = {
  usage: "plan GUEST|FILE.xml",
  about: "show what a start of the guest would do, or why it would be refused",
  args: [1, 1],
  async run(system, [what]) {
    await ensureViews(system);
    const domain = parseDomain(await xmlOf(system, what!));
    const { journals, unreadable } = readJournals(system);
    const own = journals.find(({ guest }) => guest.uuid === domain.uuid);
    const runs = own !== undefined && qemuRuns(system, domain.uuid);
    // such a start does not come to look at the host
    const refusal = unreadable.includes(domain.uuid)
      ? UNREADABLE
      : own && isStuck(system, own)
      ? stuckAt(own)
      : undefined;
    const plan: Plan = refusal
      ? { guest: domain, steps: [], refusals: [refusal], warnings: [], holders: [], claims: [] }
      : (await look(system, domain)).plan();
    if (own && !runs && !refusal) system.print(showLeft(own));
    system.print(showPlan(plan));
    if (runs) system.print("now: it is running, with what its start has taken\n");
    const failure = runs ? undefined : lastFailure(system, domain.uuid);
    if (failure) system.print(`note: ${failure}\n`);
    for (const unknown of unknownClaims(system, domain.uuid)) system.print(`warning: ${unknown}\n`);
    return plan.refusals.length > 0 ? 1 : 0;
  },
};
