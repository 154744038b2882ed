/**
 * Runs the user's own scripts for an event: DRIVER.d/OBJECT/OPERATION/SUB below libvirt's folder of hooks, an executable
 * file or a folder of them, the layout that VFIO-Tools made common. They run as root, so nobody else may be able to write
 * them. The XML goes through unread.
 *
 * @module
 */

import { AidError, report } from "./errors.ts";
import { checkName, type Event, EVENTS, findEvent, HOOKS, MAX_XML } from "./event.ts";
import type { FileInfo, System } from "./system.ts";

/** What editors and package managers leave beside a file; running the old version along with the new is never meant. */
const LEFTOVER = /^\.|~$|\.(bak|orig|dpkg-[a-z]+|ucf-[a-z]+|rpm(new|save|orig))$/;
/** The kernel follows no more links than this either. */
const MAX_LINKS = 40;

/** A path without links, and what lies there. */
interface Place {
  readonly path: string;
  readonly info: FileInfo;
}

/** Why a path is not safe to run as root, and the remedy. */
class UnsafeError extends AidError {}

/**
 * Follows a path below the folder of hooks part by part, links included, and makes sure of each part.
 *
 * @returns Where it leads; undefined where there is nothing.
 * @throws {UnsafeError} If a part belongs to someone else or can be written by others, or a link leaves the folder.
 */
function resolve(system: System, path: string): Place | undefined {
  const rest = path.slice(HOOKS.length).split("/"); // begins with the folder of hooks itself, as ""
  const parts: string[] = [];
  let place: Place | undefined;
  for (let links = 0; rest.length > 0;) {
    const name = rest.shift()!;
    if (name === ".." && parts.pop() === undefined) throw leaves(path);
    if (name !== "" && name !== "." && name !== "..") parts.push(name);
    const at = [HOOKS, ...parts].join("/");
    const info = system.info(at);
    if (!info) return undefined;
    if (info.kind === "link") {
      const target = system.link(at)!;
      const absolute = target.startsWith("/");
      if (parts.length === 0 || (absolute && !target.startsWith(`${HOOKS}/`))) throw leaves(at);
      if (++links > MAX_LINKS) throw new UnsafeError(`${path} is a link to itself`, `remove ${path}`);
      parts.splice(absolute ? 0 : parts.length - 1);
      rest.unshift(...(absolute ? target.slice(HOOKS.length) : target).split("/"));
      continue;
    }
    if (info.uid !== 0 || (info.mode & 0o022) !== 0) {
      const why = info.uid !== 0 ? `belongs to user ${info.uid}` : "can be written by others than root";
      const quoted = `'${at.replaceAll("'", "'\\''")}'`;
      throw new UnsafeError(`${at} ${why}: not run as root`, `chown root: ${quoted}; chmod go-w ${quoted}`);
    }
    place = { path: at, info };
  }
  return place;
}

/** The error for a link that leads out of the folder of hooks. */
function leaves(path: string): UnsafeError {
  return new UnsafeError(`${path} is a link that leaves ${HOOKS}: not run as root`, `put the script itself there`);
}

/** The scripts at a path, in the order in which they run. What is unsafe or not executable goes to `refuse`. */
function collect(system: System, path: string, refuse: (error: AidError) => void): string[] {
  const found: string[] = [];
  const look = (path: string, inFolder: boolean): void => {
    try {
      const place = resolve(system, path);
      if (!place) return;
      if (place.info.kind === "folder" && !inFolder) {
        for (const name of system.list(place.path)) if (!LEFTOVER.test(name)) look(`${place.path}/${name}`, true);
      } else if (place.info.kind === "file") {
        if ((place.info.mode & 0o111) !== 0) found.push(place.path);
        else refuse(new AidError(`${place.path} is not executable and was left out`, `chmod +x it, or move it away`));
      }
    } catch (error) {
      if (!(error instanceof AidError)) throw error;
      refuse(error);
    }
  };
  look(path, false);
  return found;
}

/** Runs one script; throws why it failed, returns what it printed. */
async function runScript(
  system: System,
  event: Event,
  script: string,
  args: readonly string[],
  stdin: Uint8Array,
  timeoutMs: number,
): Promise<Uint8Array> {
  const seconds = event.scriptsMs / 1000;
  const late = `the scripts of one event have ${seconds} s together; start what takes longer in the background`;
  if (timeoutMs <= 0) throw new AidError(`${script} did not run: the scripts before it took all the time`, late);
  const result = await system.run({
    program: script,
    args,
    timeoutMs,
    stdin,
    maxOutput: event.filter ? MAX_XML + 1 : 0,
  })
    .catch((error: Error) => {
      throw new AidError(
        `${script} cannot be run: ${error.message}`,
        "its first line has to name a program that can be run: #!/bin/bash",
      );
    });
  if (result.ended === "missing") {
    throw new AidError(`${script} cannot be run: the program that its first line names is not there`);
  }
  if (result.ended === "timeout") throw new AidError(`${script} did not end in time and was killed`, late);
  if (result.code !== 0) {
    const last = result.stderr.trimEnd().split("\n").at(-1);
    const said = last ? `: ${last}` : " and said nothing on standard error";
    throw new AidError(`${script} ended with status ${result.code}${said}`);
  }
  if (result.stdout.length > MAX_XML) throw new AidError(`${script} printed more than ${MAX_XML} bytes`);
  return result.stdout;
}

/**
 * Runs the scripts of an event: `user-scripts DRIVER OBJECT OPERATION SUB EXTRA`, the XML on standard input. Each gets
 * the last four as arguments and the XML on its standard input. At `restore` and `migrate` the XML that one prints goes to
 * the next instead, and in the end to standard output.
 *
 * @param events The table of events.
 * @returns The exit status: 1 where a script failed, or where one is unsafe at prepare.
 */
export async function userScripts(
  system: System,
  args: readonly string[],
  events: readonly Event[] = EVENTS,
): Promise<number> {
  const [driver = "", guest = "", operation, sub] = args;
  const event = findEvent(events, driver, operation, sub);
  if (args.length !== 5) {
    const usage = "usage: user-scripts DRIVER OBJECT OPERATION SUB-OPERATION EXTRA, with the XML on standard input";
    system.complain(report(new AidError(usage, "the dispatcher calls it, not a person")));
    return 1;
  }
  if (!event || checkName(guest) !== undefined) return 0;
  let status = 0;
  const complain = (error: unknown) => system.complain(report(error, guest));

  const scripts = collect(system, `${HOOKS}/${driver}.d/${guest}/${operation}/${sub}`, (error) => {
    if (error instanceof UnsafeError && operation === "prepare") status = 1;
    complain(error);
  });
  if (status !== 0 || scripts.length === 0) return status;

  const input = await system.input(MAX_XML) ?? new Uint8Array(); // the dispatcher never gives more
  const end = system.now() + event.scriptsMs;
  let xml = input;
  for (const script of scripts) {
    try {
      const printed = await runScript(system, event, script, args.slice(1), xml, end - system.now());
      if (new TextDecoder().decode(printed).trim() !== "") xml = printed;
    } catch (error) {
      complain(error);
      status = 1;
      if (event.failure === "stops") return status;
    }
  }
  if (xml !== input) system.print(xml);
  return status;
}
