/**
 * OpenRC: what it knows lies in /run/openrc (docs/vfio.md 4.6.1).
 *
 * @module
 */

import { AidError } from "../../errors.ts";
import type { System } from "../../system.ts";
import { CALL_MS } from "../ask.ts";
import {
  argumentsOf,
  descendants,
  nameOf,
  parentOf,
  pids,
  stateOfProcess,
  userIdOf,
  withArguments,
} from "../processes.ts";
import type { Init, Unit } from "./init.ts";
import { bareName, isServiceName, orderedName } from "./names.ts";

const RC_SERVICE = "/sbin/rc-service";
const STATE = "/run/openrc";

/** How often all processes are looked at while others change a service. */
const POLL_MS = 50;
/** Names that the kernel has of programs are cut after so many characters. */
const MOST_NAME = 15;

/** Folders with a link for each service in that state; a service is in one of them, or stopped. */
const STATES: readonly (readonly [folder: string, state: Unit["state"]])[] = [
  ["stopping", "stopping"],
  ["starting", "starting"],
  ["started", "active"],
];

/** State by the links alone. */
function linked(system: System, name: string): Unit["state"] {
  const found = STATES.find(([folder]) => system.info(`${STATE}/${folder}/${name}`) !== undefined);
  return found?.[1] ?? "inactive";
}

/** What changes a service right now: rc-service, which becomes openrc-run, which has a shell run the service's script. */
function runners(system: System, name: string): number[] {
  return pids(system).map(Number).filter((pid) => {
    const args = argumentsOf(system, pid);
    const at = args.findIndex((arg) => /(^|\/)(rc-service|openrc-run(\.sh)?)$/.test(arg));
    const rest = at < 0 ? [] : args.slice(at + 1);
    return rest.some((arg) => arg === name || arg.endsWith(`/${name}`)) &&
      rest.some((arg) => /^(start|stop|restart)$/.test(arg)) && userIdOf(system, pid) === 0;
  });
}

/** Is a process over? One that has ended may be there until somebody asks; one that becomes another has no arguments a moment. */
const isOver = (system: System, pid: number) => /^[ZX]?$/.test(stateOfProcess(system, pid) ?? "");

/** Is a process in the control group of a service? Its name differs between versions, and the kind of hierarchy. */
function inGroup(system: System, pid: number, name: string): boolean {
  const lines = (system.read(`/proc/${pid}/cgroup`) ?? "").split("\n");
  return lines.some((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers !== "" && controllers !== "name=openrc") return false;
    return path!.split("/").some((part) => part === name || part === `openrc.${name}`);
  });
}

/** All that is in the control group of a service; none on hosts without control groups, such as Alpine. */
function group(system: System, name: string): number[] {
  return pids(system).map(Number).filter((pid) => inGroup(system, pid, name));
}

/** Programs that a service has as daemons, as start-stop-daemon and its script have noted them. They are its only while it runs. */
function programs(system: System, name: string): string[] {
  const folder = `${STATE}/daemons/${name}`;
  const notes = system.list(folder).map((file) => system.read(`${folder}/${file}`) ?? "");
  const found = notes.map((note) => /^exec=(.*)$/m.exec(note)?.[1]);
  const command = system.read(`${STATE}/options/${name}/command`)?.trim();
  return [...new Set([...found, command])].filter((program) => program !== undefined && program !== "") as string[];
}

/** Has a service a supervisor of its own? That is its daemon then, and has noted the child. */
const isSupervised = (system: System, name: string) => system.info(`${STATE}/options/${name}/child_pid`) !== undefined;

/** Daemons of a service: what is to be gone when it is stopped. */
function daemons(system: System, name: string): number[] {
  const supervisors = withArguments(system, "supervise-daemon", name);
  if (supervisors.length > 0 || isSupervised(system, name)) return supervisors;
  const wanted = programs(system, name);
  if (wanted.length === 0) return [];
  const names = wanted.map((program) => program.split("/").at(-1)!.slice(0, MOST_NAME));
  const all = pids(system).map(Number).filter((pid) => parentOf(system, pid) === 1);
  const found = all.filter((pid) => {
    const args = argumentsOf(system, pid);
    return wanted.some((program) => args.includes(program)) || names.includes(nameOf(system, pid) ?? "");
  });
  const own = found.filter((pid) => inGroup(system, pid, name));
  return own.length > 0 || group(system, name).length > 0 ? own : found;
}

/**
 * Has a service that counts as started lost its daemon? OpenRC does not see that by itself. It is asked where there is no
 * process of the daemon's name: it knows of the file with the process's number, which may be anywhere.
 */
async function hasCrashed(system: System, name: string): Promise<boolean> {
  const known = isSupervised(system, name) || system.list(`${STATE}/daemons/${name}`).length > 0;
  if (!known || daemons(system, name).length > 0) return false;
  const args = ["--ifcrashed", "--", name, "status"];
  const result = await system.run({ program: RC_SERVICE, args, timeoutMs: CALL_MS, maxOutput: 0 });
  return result.ended === "exit" && result.code !== 0;
}

/** State of a service; its links alone may be left of one that has crashed, or whose change was broken off. */
async function stateOf(system: System, name: string): Promise<Unit["state"]> {
  const state = linked(system, name);
  if (state === "inactive") return state;
  if (state === "active") return await hasCrashed(system, name) ? "inactive" : state;
  if (runners(system, name).length > 0) return state;
  if (linked(system, name) !== state) return await stateOf(system, name); // it has come to its end just now
  return daemons(system, name).length > 0 ? "active" : "inactive";
}

/** Runs rc-service in the background: killed in the middle of a change, it would leave the service half-way. */
function launch(system: System, args: readonly string[]): void {
  try {
    system.start(RC_SERVICE, args);
  } catch (error) {
    throw new AidError(`${RC_SERVICE}: ${(error as Error).message}`);
  }
}

/** See {@linkcode Init}. */
export const openrc: Init = {
  name: "OpenRC",
  here: (system) => system.info(`${STATE}/softlevel`) !== undefined,
  async show(system, names) {
    const units: Unit[] = [];
    for (const name of names.map(bareName)) {
      units.push({ name, state: isServiceName(name) ? await stateOf(system, name) : "inactive" });
    }
    return units;
  },
  async order(system, what, service, limitMs) {
    const name = orderedName(service);
    const end = system.now() + limitMs;
    // who comes while the service changes is refused, or gets a success without anything done
    const isFree = await system.until(() => runners(system, name).length === 0, limitMs, POLL_MS);
    const state = linked(system, name);
    if (!isFree && what === "start" && state === "starting") return;
    if (!isFree) throw new AidError(`${name} is already ${state}, and does not come to an end`, openrc.status(name));
    // newer versions call it a failure to stop what is stopped
    if (what === "stop" && state === "inactive") return;
    // to OpenRC one that has crashed has been started already; this makes it forget that
    const forget = what === "start" && state !== "inactive" && await stateOf(system, name) === "inactive"
      ? ["zap"]
      : [];
    // Services that need this one would be stopped with it, and nothing would start them again: they are left alone.
    // At the start it is the other way round: what this one needs is started if somebody has stopped it.
    const args = [...what === "stop" ? ["--nodeps"] : [], "--", name, ...forget, what];
    const going = what === "stop" ? daemons(system, name) : [];
    launch(system, args);
    const its = new Set<number>();
    const wanted = what === "stop" ? "inactive" : "active";
    // it is not seen in the moment in which it becomes another program, nor when it is over so soon
    const isDone = () => {
      for (const pid of runners(system, name)) its.add(pid);
      return its.size > 0 ? [...its].every((pid) => isOver(system, pid)) : linked(system, name) === wanted;
    };
    await system.until(() => isDone() && going.every((pid) => isOver(system, pid)), end - system.now(), POLL_MS);
    if (!isDone()) return;
    const line = `${RC_SERVICE} ${args.join(" ")}`;
    if (await stateOf(system, name) !== wanted) throw new AidError(`${line} has failed`, `run it yourself: ${line}`);
    if (!going.every((pid) => isOver(system, pid))) throw new AidError(`${name} does not stop`, openrc.status(name));
  },
  processes(system, service) {
    const name = bareName(service);
    const members = group(system, name);
    if (members.length > 0) return Promise.resolve(members);
    const roots = daemons(system, name);
    return Promise.resolve([...roots, ...descendants(system, roots)]);
  },
  // it ends the daemon, and of the control group nobody: an agent or a tmux that somebody has left there lives on
  left(system, service) {
    const name = bareName(service);
    return Promise.resolve([...runners(system, name), ...daemons(system, name)]);
  },
  // not rc.stopping beside it: that is there whenever runlevels are switched, and softlevel says shutdown before it
  isStopping: (system) =>
    Promise.resolve(/^(shutdown|reboot|single)$/.test(system.read(`${STATE}/softlevel`)?.trim() ?? "")),
  status: (service) => `rc-service ${bareName(service)} status`,
  stopCommand: (service) => `rc-service ${bareName(service)} stop`,
  gettys: (tty) => [`agetty.${tty}`, `getty.${tty}`],
};
