/**
 * Programs of the system. A new one is a file beside this one and a line in the table.
 *
 * @module
 */

import type { Command, CommandResult } from "../../../lib/system.ts";
import { START } from "../costs.ts";
import { Hung } from "../errno.ts";
import type { SimulatedHost } from "../host.ts";
import type { Machine } from "../machine.ts";
import type { SimulatedProcess } from "../processes.ts";
import { asBytes, asText, nameOf } from "../tree.ts";
import { loginctl } from "./loginctl.ts";
import { grep } from "./grep.ts";
import { ls } from "./ls.ts";
import { modprobe, rmmod } from "./modprobe.ts";
import { head, inhibit, kill, mkdir, mount, udevadm, virsh } from "./small.ts";
import { stat } from "./stat.ts";
import { systemctl } from "./systemctl.ts";

/** What a program of the system leaves: status and output. */
export interface Done {
  /** Exit status. */
  readonly code: number;
  /** Standard output. */
  readonly stdout?: string | Uint8Array;
  /** Standard error. */
  readonly stderr?: string;
  /** It goes on until it is killed. */
  readonly goesOn?: true;
  /** It goes on until it tells how it has ended. */
  readonly later?: (done: (left: Done) => void) => void;
}

/** A program of the system; it does what it does at once, when its start has taken its time. */
export type CommandFunction = (host: SimulatedHost, args: readonly string[], stdin: string) => Done;

/** Those that are there whatever the init system; a program of one is in tests/simulated/init-systems.ts. */
export const COMMANDS: Readonly<Record<string, CommandFunction>> = {
  "/usr/bin/grep": grep,
  "/usr/bin/head": head,
  "/usr/bin/kill": kill,
  "/usr/bin/ls": ls,
  "/usr/bin/mkdir": mkdir,
  "/usr/bin/mount": mount,
  "/usr/bin/stat": stat,
  "/usr/bin/udevadm": udevadm,
  "/usr/bin/virsh": virsh,
  "/usr/sbin/modprobe": modprobe,
  "/usr/sbin/rmmod": rmmod,
};

/** Those that come with systemd. */
const SYSTEMD: typeof COMMANDS = {
  "/usr/bin/loginctl": loginctl,
  "/usr/bin/systemctl": systemctl,
  "/usr/bin/systemd-inhibit": inhibit,
};

/** Those that come with elogind. */
const ELOGIND: typeof COMMANDS = { "/usr/bin/loginctl": loginctl, "/usr/bin/elogind-inhibit": inhibit };

/** All that a machine has. */
export function commandsOf({ init = "systemd", logind }: Machine, own: typeof COMMANDS): Map<string, CommandFunction> {
  const more = init === "systemd" ? SYSTEMD : logind === "elogind" ? ELOGIND : {};
  return new Map(Object.entries({ ...COMMANDS, ...more, ...own }));
}

/** A program that runs. */
interface Running {
  readonly process: SimulatedProcess;
  /** Its standard output and standard error so far. */
  readonly output: () => readonly [stdout: string | Uint8Array, stderr: string];
}

/** Starts a program of the system. */
function startTheirs(
  host: SimulatedHost,
  act: CommandFunction,
  parent: number,
  { program, args, stdin }: Command,
): Running {
  const process = host.processes.spawn({ comm: nameOf(program).slice(0, 15), args: [program, ...args], parent });
  let left: Done = { code: 0 };
  const end = ({ code }: Done) => host.processes.end(process, code);
  const work = () => {
    if (process.gone) return;
    try {
      left = host.as(process.pid, () => act(host, args, asText(stdin ?? "")));
      if (left.later) left.later((done) => end(left = done));
      else if (!left.goesOn) end(left);
    } catch (error) {
      if (!(error instanceof Hung)) throw error;
      host.processes.hang(process, error);
      process.resume = error.again ? work : () => host.processes.end(process, 0);
    }
  };
  host.clock.after(START, work);
  return { process, output: () => [left.stdout ?? "", left.stderr ?? ""] };
}

/**
 * Runs a program of the system, or one of ours, for a process.
 *
 * @param done Gets to know how it ended. At the end of its time it is killed, and not waited for.
 */
export function runCommand(
  host: SimulatedHost,
  caller: { readonly pid: number; readonly uid: number },
  command: Command,
  done: (result: CommandResult) => void,
): void {
  const { program, args, stdin, timeoutMs, maxOutput = 1 << 20 } = command;
  const tell = (ended: CommandResult["ended"], code: number, stdout: string | Uint8Array = "", stderr = "") =>
    done({ ended, code, stdout: asBytes(stdout).slice(0, maxOutput), stderr: stderr.slice(0, 64 << 10) });
  const main = host.programs.get(program);
  const act = host.commands.get(program);
  if (!main && !act) return tell("missing", -1);
  let running: Running;
  if (main) {
    const system = host.start(main, { program, args, stdin, parent: caller.pid, uid: caller.uid });
    running = { process: system.process, output: () => [system.stdout, system.stderr] };
  } else {
    running = startTheirs(host, act!, caller.pid, command);
  }
  const { process, output } = running;
  process.onEnd.push((code) => tell("exit", code, ...output()));
  if (timeoutMs === Infinity) return;
  const late = host.clock.after(timeoutMs, () => {
    tell("timeout", -1);
    host.processes.kill(process.pid);
  });
  process.onEnd.push(() => late.cancelled = true);
}
