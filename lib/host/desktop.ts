/**
 * What shows the host's desktop: the display manager, sessions, and services that may hold a card.
 *
 * @module
 */

import type { System } from "../system.ts";
import type { Holder } from "./holders.ts";
import type { InitName, Unit, UnitUser } from "./inits/init.ts";
import { initOf } from "./inits/mod.ts";
import { type Relations, relationsOf } from "./inits/systemd.ts";
import { readSessions, type Session } from "./logind.ts";
import { argumentsOf, nameOf, parentOf } from "./processes.ts";
import { DISPLAY_MANAGERS } from "./programs.ts";

/** The desktop as it is. */
export interface Desktop {
  /** What runs the host's services; undefined where it is nothing that we know. */
  readonly init?: InitName;
  /** The display manager, where one is active or starting. */
  readonly manager?: Unit;
  /** Sessions. */
  readonly sessions: readonly Session[];
  /** Text consoles on which somebody is logged in whom the login prompt would log in again, `tty1`, with its service. */
  readonly gettys: Readonly<Record<string, string>>;
  /** Text consoles on which somebody was let in without a password, as the login prompt will do again. */
  readonly autologins: readonly string[];
  /** Units of users' managers that hold something, by `UID UNIT`. */
  readonly units: Readonly<Record<string, Relations>>;
  /** Services that were asked about and are active or starting: what the init system calls them, by the names asked for. */
  readonly services: Readonly<Record<string, string>>;
}

/** Relations of the units that hold something. */
async function unitsOf(system: System, holders: readonly Holder[]): Promise<Record<string, Relations>> {
  const found: Record<string, Relations> = {};
  const units = new Map<number, { user: UnitUser; names: Set<string> }>();
  for (const { owner, user } of holders) {
    if (owner.kind !== "user-unit") continue;
    const known = units.get(owner.uid) ?? { user: { name: user, uid: owner.uid }, names: new Set() };
    units.set(owner.uid, { ...known, names: known.names.add(owner.unit) });
  }
  for (const [uid, { user, names }] of units) {
    // a manager that is just ending answers nothing, and takes its sockets along
    const relations = await relationsOf(system, [...names], user).catch(() => new Map<string, Relations>());
    for (const [unit, its] of relations) found[`${uid} ${unit}`] = its;
  }
  return found;
}

/** Text consoles on which a desktop may have been started. */
function consolesOf(sessions: readonly Session[], holders: readonly Holder[]): string[] {
  const terminals = [
    ...sessions.map(({ tty }) => tty ?? ""),
    ...holders.flatMap(({ owner }) => owner.kind === "login" ? [owner.tty] : []),
  ];
  return [...new Set(terminals.filter((tty) => /^tty\d+$/.test(tty)))];
}

/** Was somebody let in without a password? `login -f` is how a prompt does that. */
function letIn(system: System, pid: number): boolean {
  const logins = [pid, parentOf(system, pid) ?? 0].filter((one) => nameOf(system, one) === "login");
  return logins.some((one) => argumentsOf(system, one).includes("-f"));
}

/** Reads it. */
export async function readDesktop(
  system: System,
  services: readonly string[],
  holders: readonly Holder[],
): Promise<Desktop> {
  const sessions = await readSessions(system);
  const logins = holders.flatMap(({ owner }) => owner.kind === "login" && letIn(system, owner.pid) ? [owner.tty] : []);
  const autologins = [...new Set(logins)];
  const init = initOf(system);
  if (!init) return { sessions, gettys: {}, autologins, units: {}, services: {} };
  const consoles = consolesOf(sessions, holders);
  const names = [...new Set([...DISPLAY_MANAGERS, ...consoles.flatMap((tty) => init.gettys(tty)), ...services])];
  const units = await init.show(system, names);
  const up = new Map(
    names.flatMap((name, i) => /^(active|starting)$/.test(units[i]?.state ?? "") ? [[name, units[i]!.name]] : []),
  );
  const managers = units.slice(0, DISPLAY_MANAGERS.length);
  const prompts = consoles.map((tty) => [tty, init.gettys(tty).flatMap((name) => up.get(name) ?? [])[0]] as const);
  return {
    init: init.name,
    manager: managers.find(({ state }) => state === "active") ?? managers.find(({ state }) => state === "starting"),
    sessions,
    gettys: Object.fromEntries(prompts.flatMap(([tty, name]) => name === undefined ? [] : [[tty, name]])),
    autologins,
    units: await unitsOf(system, holders),
    services: Object.fromEntries(services.flatMap((service) => up.has(service) ? [[service, up.get(service)!]] : [])),
  };
}

/**
 * Says which holders belong to services of the desktop, or to those that were asked about, where nothing about their
 * processes tells that by itself: without control groups, under an init system that is their parent.
 */
export async function attributed(
  system: System,
  holders: readonly Holder[],
  { manager, services }: Desktop,
): Promise<readonly Holder[]> {
  const init = initOf(system);
  if (!init || holders.every(({ owner }) => owner.kind !== "none")) return holders;
  const units = new Map<number, string>();
  for (const unit of new Set([...Object.values(services), ...manager ? [manager.name] : []])) {
    for (const pid of await init.processes(system, unit)) units.set(pid, unit);
  }
  return holders.map((holder) => {
    const unit = units.get(holder.pid);
    return holder.owner.kind === "none" && unit ? { ...holder, owner: { kind: "service", unit } } : holder;
  });
}
