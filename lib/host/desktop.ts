/**
 * What shows the host's desktop: the display manager, sessions, and services that may hold a card.
 *
 * @module
 */

import type { System } from "../system.ts";
import type { Holder } from "./holders.ts";
import { hasSystemd, readSessions, type Session, showUnits, triggersOf, type Unit } from "./systemd.ts";

/** The desktop as it is. */
export interface Desktop {
  /** The display manager, where one is active or starting. */
  readonly manager?: Unit;
  /** Sessions. */
  readonly sessions: readonly Session[];
  /** Terminals of sessions whose login prompt would log in again, `tty1`, with the unit that does. */
  readonly gettys: Readonly<Record<string, string>>;
  /** Sockets of units of users' managers, `UID UNIT`, that start these again (PipeWire has such); of holders alone. */
  readonly sockets: Readonly<Record<string, readonly string[]>>;
  /** Services that were asked about and are active or starting: what systemd calls them, by the names asked for. */
  readonly services: Readonly<Record<string, string>>;
  /** systemd runs the host. */
  readonly systemd: boolean;
}

/** Names of display managers; most are behind the first one, an alias (docs/vfio.md 4.6). */
const MANAGERS: readonly string[] = [
  ...["display-manager", "gdm", "gdm3", "sddm", "lightdm", "lxdm", "xdm", "mdm", "slim", "nodm", "ly", "greetd"],
  ...["lemurs", "emptty", "entrance", "cosmic-greeter", "plasmalogin"],
].map((name) => `${name}.service`);

/** Sockets of the units that hold something. */
async function socketsOf(system: System, holders: readonly Holder[]): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  const units = new Map<number, { user: string; names: Set<string> }>();
  for (const { owner, user } of holders) {
    if (owner.kind !== "user-unit") continue;
    const known = units.get(owner.uid) ?? { user, names: new Set() };
    units.set(owner.uid, { ...known, names: known.names.add(owner.unit) });
  }
  for (const [uid, { user, names }] of units) {
    // a manager that is just ending answers nothing, and takes its sockets along
    const triggers = await triggersOf(system, [...names], user).catch(() => new Map<string, string[]>());
    for (const [unit, sockets] of triggers) found[`${uid} ${unit}`] = sockets;
  }
  return found;
}

/** Reads it. */
export async function readDesktop(
  system: System,
  services: readonly string[],
  holders: readonly Holder[],
): Promise<Desktop> {
  if (!hasSystemd(system)) return { sessions: [], gettys: {}, sockets: {}, services: {}, systemd: false };
  const sessions = await readSessions(system);
  const terminals = sessions.flatMap(({ tty, type }) => type === "tty" && /^tty\d+$/.test(tty ?? "") ? [tty!] : []);
  const getty = (tty: string) => `getty@${tty}.service`;
  const names = [...new Set([...MANAGERS, ...terminals.map(getty), ...services])];
  const units = await showUnits(system, names);
  const up = new Map(
    names.flatMap((name, i) => /^(active|starting)$/.test(units[i]?.state ?? "") ? [[name, units[i]!.name]] : []),
  );
  const managers = units.slice(0, MANAGERS.length);
  return {
    manager: managers.find(({ state }) => state === "active") ?? managers.find(({ state }) => state === "starting"),
    sessions,
    gettys: Object.fromEntries(terminals.filter((tty) => up.has(getty(tty))).map((tty) => [tty, getty(tty)])),
    sockets: await socketsOf(system, holders),
    services: Object.fromEntries(services.flatMap((service) => up.has(service) ? [[service, up.get(service)!]] : [])),
    systemd: true,
  };
}
