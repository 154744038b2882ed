/**
 * What libvirt calls: finds out what an event is for, runs our own program and the user's scripts for it, each with a
 * deadline, and gives libvirt an answer. It parses no XML and changes nothing on the machine itself; where there is nothing
 * to do, and that is nearly always, it is over before a second program has been started.
 *
 * @module
 */

import { CONFIG_FILE } from "./config.ts";
import { AidError, report } from "./errors.ts";
import { checkName, type Event, EVENTS, findEvent, HOOKS, MAX_XML, ORPHANED } from "./event.ts";
import { INTERRUPTED, JOURNALS, RETURNED } from "./journal.ts";
import { type Log, openLog } from "./log.ts";
import { type Call, distrust, runOwn, startRecovery } from "./own-program.ts";
import type { System } from "./system.ts";

/** What libvirt's XML has where a guest gets a device of the host's; libvirt writes attributes in single quotes. */
const DEVICES = /<hostdev|type='hostdev'|type='nvme'/;
/** What it has where a guest may give us commands. */
const CHANNEL = "org.virt-aid";
/** user-scripts keeps its own deadline; this is for the case that it cannot. */
const BACKSTOP = 1.1;

/** Are there user scripts for the event? */
function hasScripts(system: System, { driver, operation, sub }: Event, guest: string): boolean {
  return checkName(guest) === undefined &&
    system.info(`${HOOKS}/${driver}.d/${guest}/${operation}/${sub}`) !== undefined;
}

/** Has any guest a journal? */
function hasJournals(system: System): boolean {
  return system.list(JOURNALS).some((name) => /\.json(\.unreadable)?$/.test(name)); // one that was set aside is one too
}

/** Does the config name I/O or this guest? Rather once too often: a name may be written with entities in it. */
function isConfigured(system: System, guest: string): boolean {
  try {
    const config = system.read(CONFIG_FILE) ?? "";
    return config.includes("<io") || config.includes("&") || config.includes(guest);
  } catch {
    return true; // the phase says what is wrong with the file
  }
}

/**
 * Has the desktop watched that a release, or a prepare that failed before it, has started again; and has a recovery go on
 * that had to be killed at one of its guests.
 */
function goOn(system: System, { operation }: Event, log: Log): void {
  if (operation === "release" && system.info(RETURNED) || system.info(INTERRUPTED)) startRecovery(system, log);
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
  if (failure !== undefined && event.operation === "release") startRecovery(system, log);
  else goOn(system, event, log);
  if (failure === undefined) return 0;
  if (!phase.fails) return 0;
  system.complain(failure);
  return 1;
}

/** The user's part in the event; gives the exit status. */
async function runScripts(call: Call): Promise<number> {
  const { system, event, guest } = call;
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
  system.complain(failure);
  return 1;
}

/** Runs all parts of an event in their order, as long as they are wanted; gives the exit status. */
async function handle(call: Call, isWanted: () => boolean): Promise<number> {
  let status = 0;
  for (const part of call.event.phase?.scriptsFirst ? [runScripts, runPhase] : [runPhase, runScripts]) {
    if (!isWanted()) break;
    status = Math.max(status, await part(call));
    if (status !== 0 && call.event.failure === "stops") break;
  }
  return status;
}

/**
 * libvirtd died, or gave up waiting, while a start was prepared: nobody will call release for it. Another libvirtd may be
 * at the same guest by now; then release-end fails, and the user's scripts stay out of that too.
 */
async function handleOrphaned(call: Call, release: Event | undefined): Promise<never> {
  const args = [call.guest, "release", "end", ORPHANED];
  const left = release && await handle({ ...call, event: { ...release, failure: "stops" }, args }, () => true);
  const how = left ? "not all that was done could be undone" : "what was done is undone";
  throw new AidError(
    `libvirtd went away while the guest was prepared, and ${how}`,
    "`virt-aid recover`, then start it again",
  );
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
  if (!phase) goOn(system, event, log);
  if (!phase && !hasScripts(system, event, guest)) return 0;

  const stdin = await system.input(MAX_XML);
  if (!stdin) {
    // longer than any that libvirt makes: stops what can be stopped, the rest goes on without it
    const error = new AidError(`the XML is longer than ${MAX_XML} bytes`, "make the guest's <metadata> shorter");
    if (event.operation === "prepare") throw error;
    log.error(error.message);
  }
  const xml = new TextDecoder().decode(stdin);
  const call = { system, event, args, guest, log, stdin: stdin ?? new Uint8Array(), xml };
  const isThere = () => event.operation !== "prepare" || system.parent() === parent;
  const status = await handle(call, isThere);
  return isThere() ? status : await handleOrphaned(call, release);
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
