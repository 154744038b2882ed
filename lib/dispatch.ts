/**
 * What libvirt calls: finds out what an event is for, runs our own program and the user's scripts for it, each with a
 * deadline, and gives libvirt an answer. It parses no XML and changes nothing on the machine itself; where there is nothing
 * to do, and that is nearly always, it is over before a second program has been started.
 *
 * @module
 */

import { AidError, report } from "./errors.ts";
import { checkName, type Event, EVENTS, findEvent, HOOKS, MAX_XML, PROGRAMS } from "./event.ts";
import { JOURNALS, readJournals } from "./journal.ts";
import { type Log, openLog } from "./log.ts";
import type { System } from "./system.ts";

/** What libvirt's XML has where a guest gets a device of the host's; libvirt writes attributes in single quotes. */
const DEVICES = /<hostdev|type='hostdev'|type='nvme'/;
/** What it has where a guest may give us commands. */
const CHANNEL = "org.virt-aid";
/** Most that goes to libvirt of what a program said: what is over 4 MiB makes libvirt drop the connection. */
const MAX_REASON = 1023;
/** user-scripts keeps its own deadline; this is for the case that it cannot. */
const BACKSTOP = 1.1;

/** One call of libvirt's. */
interface Call {
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

/** Are there user scripts for the event? */
function hasScripts(system: System, { driver, operation, sub }: Event, guest: string): boolean {
  return checkName(guest) === undefined &&
    system.info(`${HOOKS}/${driver}.d/${guest}/${operation}/${sub}`) !== undefined;
}

/** Has any guest a journal? */
function hasJournals(system: System): boolean {
  return system.list(JOURNALS).some((name) => name.endsWith(".json"));
}

/** Does the config name I/O or this guest? Rather once too often: a name may be written with entities in it. */
function isConfigured(system: System, guest: string): boolean {
  try {
    const config = system.read("/etc/virt-aid/config.xml") ?? "";
    return config.includes("<io") || config.includes("&") || config.includes(guest);
  } catch {
    return true; // the phase says what is wrong with the file
  }
}

/** Why one of our programs is not there or not safe to run as root; undefined where it is. */
function distrust(system: System, program: string): string | undefined {
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
  const { kind, ...values } = entry.step;
  return `it hangs at ${entry.state === "undoing" ? "the undo of " : ""}${[kind, ...Object.values(values)].join(" ")}`;
}

/** Runs one of our programs; gives what it printed, or why it failed, ready to be shown. */
async function runOwn(
  { system, args, guest, log, stdin }: Call,
  program: string,
  extra: { args?: string[]; timeoutMs: number; maxOutput?: number },
): Promise<{ stdout?: Uint8Array; failure?: string }> {
  const failed = (message: string, hint?: string) => ({ failure: report(new AidError(message, hint), guest) });
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
        "a device that does not answer is only freed by a reboot; virt-aid status says what is left",
      );
    }
    if (result.code === 0) {
      log.info(`${program}: ${args[1]} done in ${Math.round(system.now() - began)} ms`);
      for (const line of result.stderr.split("\n")) if (line !== "") log.warn(line);
      return { stdout: result.stdout };
    }
    if (result.stderr.trim() === "") return failed(`${program} ended with status ${result.code} and said nothing`);
    const reason = new TextEncoder().encode(result.stderr.trimEnd()).subarray(0, MAX_REASON);
    return { failure: `${new TextDecoder().decode(reason)}\n` };
  } catch (error) {
    return failed(`${program} cannot be run: ${(error as Error).message}`);
  }
}

/** Starts the recovery, which goes on after us. It may fail: libvirtd's next start tries again. */
function startRecovery(system: System, log: Log): void {
  try {
    const problem = distrust(system, "virt-aid");
    if (problem) throw new Error(problem);
    system.start(`${PROGRAMS}/virt-aid`, ["recover"]);
    log.info("recovery started");
  } catch (error) {
    log.error(`recovery cannot be started: ${(error as Error).message}`);
  }
}

/** Our own part in the event; gives the exit status. */
async function runPhase(call: Call): Promise<number> {
  const { system, event, guest, log, xml } = call;
  const { phase } = event;
  if (!phase) return 0;
  const hasDevices = DEVICES.test(xml);
  const marked = () => hasDevices || xml.includes(CHANNEL) || isConfigured(system, guest);
  if (!(phase.when === "journaled" ? hasJournals(system) : marked())) return 0;
  // a guest that gets no device loses nothing where our program is not there
  const problem = event.operation === "prepare" && !hasDevices && distrust(system, phase.program);
  if (problem) {
    log.error(problem);
    return 0;
  }
  const { failure } = await runOwn(call, phase.program, { timeoutMs: phase.timeoutMs });
  if (failure === undefined) return 0;
  log.error(failure);
  if (event.operation === "release") startRecovery(system, log);
  if (!phase.fails) return 0;
  system.complain(failure);
  return 1;
}

/** The user's part in the event; gives the exit status. */
async function runScripts(call: Call): Promise<number> {
  const { system, event, guest, log } = call;
  if (!hasScripts(system, event, guest)) return 0;
  const { failure, stdout } = await runOwn(call, "user-scripts", {
    args: [event.driver],
    timeoutMs: event.scriptsMs * BACKSTOP,
    maxOutput: event.filter ? MAX_XML : 0,
  });
  if (failure === undefined) {
    if (stdout && stdout.length > 0) system.print(stdout); // user-scripts prints nothing where nothing was replaced
    return 0;
  }
  log.error(failure);
  system.complain(failure);
  return 1;
}

/** Runs all parts of an event in their order; gives the exit status. */
async function handle(call: Call): Promise<number> {
  let status = 0;
  for (const part of call.event.phase?.scriptsFirst ? [runScripts, runPhase] : [runPhase, runScripts]) {
    status = Math.max(status, await part(call));
    if (status !== 0 && call.event.failure === "stops") break;
  }
  return status;
}

/** Answers an event; throws where nobody thought of what went wrong. */
async function answer(
  system: System,
  args: readonly string[],
  event: Event,
  log: Log,
  release?: Event,
): Promise<number> {
  const guest = args[0]!;
  const parent = system.parent();
  if (event.driver === "daemon" && event.operation === "start" && hasJournals(system)) startRecovery(system, log);
  const phase = event.phase?.when === "journaled" ? hasJournals(system) : event.phase !== undefined;
  if (!phase && !hasScripts(system, event, guest)) return 0;

  const stdin = await system.input(MAX_XML);
  if (!stdin) {
    // longer than any that libvirt makes: stops what can be stopped, the rest goes on without it
    const error = new AidError(`the XML is longer than ${MAX_XML} bytes`, "make the guest's <metadata> shorter");
    if (event.failure === "stops") throw error;
    log.error(error.message);
  }
  const xml = new TextDecoder().decode(stdin);
  const call = { system, event, args, guest, log, stdin: stdin ?? new Uint8Array(), xml };
  const status = await handle(call);
  if (event.operation !== "prepare" || status !== 0 || system.parent() === parent) return status;

  // libvirtd died, or gave up waiting, while this start was prepared: nobody will call release for it
  if (release) await handle({ ...call, event: release, args: [guest, "release", "end", "-"] });
  throw new AidError("libvirtd went away while the guest was prepared, and what was done is undone", "start it again");
}

/** What is said to someone who calls the hook by hand. */
function explain(system: System, args: readonly string[]): number {
  const usage = new AidError(
    `${system.program} is a hook: libvirt calls it, with OBJECT OPERATION SUB-OPERATION EXTRA`,
    "for people there are virt-aid --help and virt-aid --version",
  );
  system.complain(report(usage));
  return args.length === 1 && ["--help", "--version"].includes(args[0]!) ? 0 : 1;
}

/**
 * Answers one call of libvirt's. The name that the program was called by is the driver; the arguments are object,
 * operation, sub-operation and extra.
 *
 * @param events The table of events.
 * @returns The exit status.
 */
export async function dispatch(
  system: System,
  args: readonly string[],
  events: readonly Event[] = EVENTS,
): Promise<number> {
  if (system.uid !== 0) return 0; // the daemon of a user's own session runs the same file
  if (args.length !== 4) return explain(system, args);
  const event = findEvent(events, system.program, args[1], args[2]);
  if (!event) return 0;
  const log = openLog(system, args[0]);
  try {
    const status = await answer(system, args, event, log, findEvent(events, event.driver, "release", "end"));
    return event.failure === "never" ? 0 : status;
  } catch (error) {
    const reason = report(error, args[0]);
    log.error(reason);
    system.complain(reason);
    return event.failure === "never" ? 0 : 1;
  }
}
