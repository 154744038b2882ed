import { awayOf, claimsOf, others, unknownClaims } from "../claims.ts";
import { readConfig } from "../config-file.ts";
import { parseDomain } from "../domain.ts";
import { AidError, printable } from "../errors.ts";
import { MAX_XML } from "../event.ts";
import { heldBy } from "../host/holders.ts";
import { ownerName } from "../host/owners.ts";
import { lastFailure } from "../history.ts";
import { readHost } from "../host/mod.ts";
import { type Plan, planStart, questionFor } from "../plan.ts";
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

/** Shows what a start of a guest would do. */
export const plan: Subcommand = {
  usage: "plan GUEST|FILE.xml",
  about: "show what a start of the guest would do, or why it would be refused",
  args: [1, 1],
  async run(system, [what]) {
    await ensureViews(system);
    const domain = parseDomain(await xmlOf(system, what!));
    const config = readConfig(system);
    const host = await readHost(system, questionFor(domain, config));
    const journals = others(system, domain.uuid);
    const plan = planStart(domain, config, { ...host, claims: claimsOf(journals) }, awayOf(journals));
    system.print(showPlan(plan));
    const failure = lastFailure(system, domain.uuid);
    if (failure) system.print(`note: ${failure}\n`);
    for (const unknown of unknownClaims(system, domain.uuid)) system.print(`warning: ${unknown}\n`);
    return plan.refusals.length > 0 ? 1 : 0;
  },
};
