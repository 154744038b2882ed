/**
 * s6 with s6-rc, as s6-linux-init boots it (docs/vfio.md 4.6.3).
 *
 * @module
 */

import type { System } from "../../system.ts";
import { ask } from "../ask.ts";
import { argumentsOf, descendants, nameOf, parentOf, pids } from "../processes.ts";
import type { Init, Unit } from "./init.ts";
import { bareName, orderedName } from "./names.ts";

const S6_RC = "/usr/bin/s6-rc";
const S6_SVC = "/usr/bin/s6-svc";
const S6_SVSTAT = "/usr/bin/s6-svstat";

/** What s6-svstat says: is it up, is it to be. */
const STATES: Readonly<Record<string, Unit["state"]>> = {
  "true true": "active",
  "false true": "starting",
  "true false": "stopping",
};

/** Supervisors of the host's services, by the services' names. Users may have some of their own, not below pid 1. */
function supervisors(system: System): Map<string, number> {
  const found = new Map<string, number>();
  for (const pid of pids(system).map(Number)) {
    const [program, name] = argumentsOf(system, pid);
    if (program === "s6-supervise" && name && parentOf(system, pid) === 1) found.set(name, pid);
  }
  return found;
}

/** A service's real name, and its supervisor: where it has a logger, NAME is both, and NAME-srv the service. */
function find(all: ReadonlyMap<string, number>, name: string): readonly [name: string, supervisor: number | undefined] {
  const real = [name, `${name}-srv`].find((one) => all.has(one)) ?? name;
  return [real, all.get(real)];
}

/** A service's folder, where s6-rc put it; undefined where its supervisor has just gone. */
function folderOf(system: System, supervisor: number | undefined): string | undefined {
  return supervisor === undefined ? undefined : system.link(`/proc/${supervisor}/cwd`);
}

/** State of a service that s6-rc holds for up: it does so too when it is on its way down, or starts over and over. */
async function stateOf(system: System, folder: string | undefined): Promise<Unit["state"]> {
  if (folder === undefined) return "active";
  return STATES[(await ask(system, S6_SVSTAT, ["-o", "up,wantedup", "--", folder])).trim()] ?? "inactive";
}

/** See {@linkcode Init}. */
export const s6: Init = {
  name: "s6",
  here: (system) => nameOf(system, 1) === "s6-svscan",
  async show(system, names) {
    if (names.length === 0) return [];
    // -b: it fails otherwise while any service changes
    const up = new Set((await ask(system, S6_RC, ["-b", "-a", "list"])).split("\n"));
    const all = supervisors(system);
    const units: Unit[] = [];
    for (const bare of names.map(bareName)) {
      const [name, supervisor] = find(all, bare);
      const state = up.has(name) ? await stateOf(system, folderOf(system, supervisor)) : "inactive";
      units.push({ name, state });
    }
    return units;
  },
  async order(system, what, service, limitMs) {
    const [name, supervisor] = find(supervisors(system), orderedName(service));
    // -b: another change is waited for. Its own limit is shorter than ours: killed, it would not say why
    const limit = ["-b", "-t", `${Math.max(1, limitMs - 500)}`];
    await ask(system, S6_RC, [...limit, what === "stop" ? "-d" : "-u", "change", name], limitMs);
    // after a stop that took too long s6-rc holds the service for up and does nothing, and it goes down for good
    const folder = what === "start" ? folderOf(system, supervisor) : undefined;
    if (folder !== undefined) await ask(system, S6_SVC, ["-u", "--", folder]);
  },
  processes(system, service) {
    const [, supervisor] = find(supervisors(system), bareName(service));
    return Promise.resolve(supervisor === undefined ? [] : descendants(system, [supervisor]));
  },
  isStopping(system) {
    const stage3 = pids(system).filter((pid) =>
      argumentsOf(system, pid).some((arg) => arg.endsWith("/scripts/rc.shutdown"))
    );
    // the kernel cuts names: s6-linux-init-shutdownd; an editor has another parent
    const byInit = (pid: number | undefined) => pid && nameOf(system, pid)?.startsWith("s6-linux-init-s");
    return Promise.resolve(stage3.some((pid) => byInit(parentOf(system, Number(pid)))));
  },
  status: (service) => `s6-svstat /run/service/${bareName(service)}`,
  stopCommand: (service) => `s6-rc -d change ${bareName(service)}`,
  gettys: (tty) => [`agetty-${tty}`, tty],
};
