/**
 * Our other programs, as the dispatcher runs them: trusted only where root alone can write them, with a deadline, and with
 * what they say bounded.
 *
 * @module
 */

import { AidError, report } from "./errors.ts";
import { type Event, HOOKS, PROGRAMS } from "./event.ts";
import { readJournals } from "./journal.ts";
import type { Log } from "./log.ts";
import type { System } from "./system.ts";

/** Most that goes to libvirt of what a program said: what is over 4 MiB makes libvirt drop the connection. */
const MAX_REASON = 1023;

/** One call of libvirt's. */
export interface Call {
  readonly system: System;
  readonly event: Event;
  /** The four arguments: object, operation, sub-operation, extra. */
  readonly args: readonly string[];
  readonly guest: string;
  readonly log: Log;
  /** The XML as it came. */
  readonly stdin: Uint8Array;
  /** The XML as text, only to be searched. */
  readonly xml: string;
}

/** Why one of our programs is not there or not safe to run as root; undefined where it is. */
export function distrust(system: System, program: string): string | undefined {
  for (const [kind, path] of [["folder", HOOKS], ["folder", PROGRAMS], ["file", `${PROGRAMS}/${program}`]] as const) {
    const info = system.info(path);
    if (!info) return `${path} is missing`;
    if (info.kind !== kind) return `${path} is no ${kind}`;
    if (info.uid !== 0) return `${path} belongs to user ${info.uid}`;
    if ((info.mode & 0o022) !== 0) return `${path} can be written by others than root`;
  }
  return undefined;
}

/** The step that a guest's run is at: the one that hangs when its time is up. */
function stepAtWork(system: System, guest: string): string {
  const journal = readJournals(system).journals.find((journal) => journal.guest.name === guest);
  const entry = journal?.entries.findLast(({ state }) => state === "intended" || state === "undoing");
  if (!entry) return "it was at no step";
  return `it hangs at: ${entry.state === "undoing" ? "undo of " : ""}${entry.what ?? entry.step.kind}`;
}

/** Runs one of our programs; gives what it printed, or why it failed, ready to be shown. */
export async function runOwn(
  { system, args, guest, log, stdin }: Call,
  program: string,
  extra: { args?: string[]; timeoutMs: number; maxOutput?: number },
): Promise<{ stdout?: Uint8Array; failure?: string }> {
  const failed = (message: string, hint?: string) => {
    log.error(message);
    return { failure: report(new AidError(message, hint), guest) };
  };
  try {
    const problem = distrust(system, program);
    if (problem) {
      return failed(problem, "install virt-aid again: its programs belong to root, and only root can write them");
    }
    const began = system.now();
    const result = await system.run({
      program: `${PROGRAMS}/${program}`,
      args: [...(extra.args ?? []), ...args],
      timeoutMs: extra.timeoutMs,
      stdin,
      maxOutput: extra.maxOutput ?? 0,
    });
    if (result.ended === "timeout") {
      return failed(
        `${program} did not end within ${extra.timeoutMs / 1000} s and was killed; ${stepAtWork(system, guest)}`,
        "a device that does not answer is only freed by a reboot; `virt-aid recover` says what is left",
      );
    }
    if (result.code === 0) {
      log.info(`${program}: ${args[1]} done in ${Math.round(system.now() - began)} ms`);
      for (const line of result.stderr.split("\n")) if (line !== "") log.warn(line);
      return { stdout: result.stdout };
    }
    if (result.stderr.trim() === "") return failed(`${program} ended with status ${result.code} and said nothing`);
    log.error(`${program} ended with status ${result.code}`);
    // phases write the reason into the log themselves, user-scripts may write nothing
    if (program === "user-scripts") { for (const line of result.stderr.trimEnd().split("\n")) log.error(line); }
    const reason = new TextEncoder().encode(result.stderr.trimEnd()).subarray(0, MAX_REASON);
    return { failure: `${new TextDecoder().decode(reason)}\n` };
  } catch (error) {
    return failed(`${program} cannot be run: ${(error as Error).message}`);
  }
}

/** Starts the recovery, which goes on after us. It may fail: libvirtd's next start tries again. */
export function startRecovery(system: System, log: Log): void {
  try {
    const problem = distrust(system, "virt-aid");
    if (problem) throw new Error(problem);
    system.start(`${PROGRAMS}/virt-aid`, ["recover"]);
    log.info("recovery started");
  } catch (error) {
    log.error(`recovery cannot be started: ${(error as Error).message}`);
  }
}
