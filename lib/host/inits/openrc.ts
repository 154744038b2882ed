/**
 * OpenRC: what it knows lies as links in /run/openrc (docs/vfio.md 4.6.1).
 *
 * @module
 */

import type { System } from "../../system.ts";
import { ask } from "../ask.ts";
import { descendants, parentOf, pids, withArguments } from "../processes.ts";
import type { Init, Unit } from "./init.ts";
import { bareName, isServiceName, orderedName } from "./names.ts";

const RC_SERVICE = "/sbin/rc-service";
const STATE = "/run/openrc";

/** Folders with a link for each service in that state; a service is in one of them, or stopped. */
const STATES: readonly (readonly [folder: string, state: Unit["state"]])[] = [
  ["stopping", "stopping"],
  ["starting", "starting"],
  ["started", "active"],
];

function stateOf(system: System, name: string): Unit["state"] {
  const found = STATES.find(([folder]) => system.info(`${STATE}/${folder}/${name}`) !== undefined);
  return found?.[1] ?? "inactive";
}

/** Is a process in the control group of a service? Its name differs between versions, and the kind of hierarchy. */
function inGroup(system: System, pid: number, name: string): boolean {
  const lines = (system.read(`/proc/${pid}/cgroup`) ?? "").split("\n");
  return lines.some((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers !== "" && controllers !== "name=openrc") return false;
    return path!.split("/").some((part) => part === name || part === `openrc.${name}`);
  });
}

/** Daemons that run what the service's script says is its command; for hosts without control groups, such as Alpine. */
function daemons(system: System, name: string): number[] {
  const command = system.read(`${STATE}/options/${name}/command`)?.trim();
  if (!command) return [];
  return withArguments(system, command).filter((pid) => parentOf(system, pid) === 1);
}

/** See {@linkcode Init}. */
export const openrc: Init = {
  name: "OpenRC",
  here: (system) => system.info(`${STATE}/softlevel`) !== undefined,
  show: (system, names) =>
    Promise.resolve(
      names.map(bareName).map((name) => ({
        name,
        state: isServiceName(name) ? stateOf(system, name) : "inactive",
      })),
    ),
  async order(system, what, service, limitMs) {
    const name = orderedName(service);
    // newer versions call it a failure to stop what is stopped
    if (what === "stop" && stateOf(system, name) === "inactive") return;
    // Services that need this one would be stopped with it, and nothing would start them again: they are left alone.
    // At the start it is the other way round: what this one needs is started if somebody has stopped it.
    const options = what === "stop" ? ["--nodeps"] : [];
    await ask(system, RC_SERVICE, [...options, "--", name, what], limitMs);
  },
  processes(system, service) {
    const name = bareName(service);
    const group = pids(system).map(Number).filter((pid) => inGroup(system, pid, name));
    if (group.length > 0) return Promise.resolve(group);
    const roots = [...withArguments(system, "supervise-daemon", name), ...daemons(system, name)];
    return Promise.resolve([...roots, ...descendants(system, roots)]);
  },
  // not rc.stopping beside it: that is there whenever runlevels are switched, and softlevel says shutdown before it
  isStopping: (system) =>
    Promise.resolve(/^(shutdown|reboot|single)$/.test(system.read(`${STATE}/softlevel`)?.trim() ?? "")),
  status: (service) => `rc-service ${bareName(service)} status`,
  gettys: (tty) => [`agetty.${tty}`, `getty.${tty}`],
};
