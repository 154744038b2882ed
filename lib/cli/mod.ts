/**
 * The operator's command, `virt-aid`: a table of subcommands, one file each.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { AidError, report } from "../errors.ts";
import type { System } from "../system.ts";
import { VERSION } from "../version.ts";
import { plan } from "./plan.ts";
import { recover } from "./recover.ts";

/** A subcommand. */
export interface Subcommand {
  /** How it is called. */
  readonly usage: string;
  /** What it does, one line. */
  readonly about: string;
  /** How many arguments it takes, at least and at most. */
  readonly args: readonly [number, number];
  /** Does it, and gives the exit status. */
  run(system: System, args: readonly string[]): Promise<number>;
}

/** All of them. */
const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = { plan, recover };

/** What `virt-aid help` says. */
function help(): string {
  const rows = Object.values(SUBCOMMANDS).map(({ usage, about }) => `  ${usage.padEnd(22)}${about}`);
  return [
    `virt-aid ${VERSION}: hands PCI devices to libvirt guests, and gets them back`,
    "",
    "usage: virt-aid SUBCOMMAND [ARGUMENT]",
    "",
    ...rows,
    `  ${"help".padEnd(22)}show this text`,
    "",
    "Log: /var/log/virt-aid/virt-aid.log   Past starts: /var/lib/virt-aid/history",
    "",
  ].join("\n");
}

/** Calls the subcommand that the arguments name. */
async function called(system: System, name: string, args: readonly string[]): Promise<number> {
  const subcommand = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name]! : undefined;
  if (!subcommand) throw new AidError(`there is no subcommand ${name}`, "`virt-aid help` lists them");
  const [least, most] = subcommand.args;
  if (args.length < least || args.length > most) {
    throw new AidError(`usage: virt-aid ${subcommand.usage}`, "`virt-aid help` says more");
  }
  if (system.uid !== 0) {
    throw new AidError("only root may look at all of the host", `sudo virt-aid ${subcommand.usage}`);
  }
  return await subcommand.run(system, args);
}

/**
 * Main function of virt-aid.
 *
 * @returns The exit status: 0 when all went well, 1 when something is left to be done.
 */
export async function virtAid(system: System, args: readonly string[]): Promise<number> {
  try {
    const unknown: string[] = [];
    const parsed = parseArgs([...args], {
      boolean: ["help", "version"],
      string: ["_"],
      alias: { h: "help", V: "version" },
      unknown: (arg, key) => {
        if (key !== undefined) unknown.push(arg);
        return key === undefined;
      },
    });
    if (unknown.length > 0) {
      throw new AidError(`there is no option ${unknown[0]}`, "`virt-aid help` lists what there is");
    }
    const [name, ...rest] = parsed._.map(String);
    if (parsed.version) system.print(`virt-aid ${VERSION}\n`);
    else if (parsed.help || name === "help" || name === undefined) system.print(help());
    else return await called(system, name, rest);
    return 0;
  } catch (error) {
    system.complain(report(error));
    return 1;
  }
}
