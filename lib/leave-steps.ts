/**
 * The steps by which those go who have to: services, the desktop from its inside to its
 * outside, and at last a look whether anybody is left.
 *
 * @module
 */

import type { DesktopPolicy } from "./config.ts";
import type { Desktop } from "./host/desktop.ts";
import type { Leave } from "./leave.ts";
import type { EndSession, InhibitSleep, Step, StopService } from "./step.ts";

/** Keeps the host awake while a guest has a card. */
export function awakeSteps({ init, sessions }: Desktop, guest: string): InhibitSleep[] {
  return init === "systemd" || sessions.length > 0
    ? [{ kind: "inhibit-sleep", why: `guest ${guest} has a graphics card` }]
    : [];
}

/** The steps by which they go; none where nobody has to. */
export function leaveSteps(
  leave: Leave,
  desktop: Desktop,
  policy: DesktopPolicy,
): Step[] {
  const limitMs = policy.wait * 1000;
  const { cards, manager, sessions, logins } = leave;
  const stop = (service: string, more: Partial<StopService> = {}): StopService => (
    { kind: "stop-service", service, back: true, limitMs, ...more }
  );
  const consoles = new Set([...sessions, ...logins].map(({ tty }) => tty ?? ""));
  const gettys = [...consoles].flatMap((tty) => desktop.gettys[tty] ?? []);
  const managed = desktop.init === "systemd" ? sessions.filter(({ type }) => type !== "tty") : [];
  const users = new Map(managed.map(({ uid, user }) => [uid, user]));
  return [
    ...leave.services.map((service) => stop(service)),
    // what belongs to a session can be told to go while the session is there (docs/vfio.md F10)
    ...[...users].map(([uid, name]) => stop("graphical-session.target", { user: { uid, name }, back: false })),
    ...leave.units.flatMap(({ unit, user, back }) => {
      const sockets = desktop.units[`${user.uid} ${unit}`]?.sockets ?? []; // first: they would start the unit again
      return [...sockets, unit].map((name) => stop(name, { user, back }));
    }),
    ...manager ? [stop(manager.name, { cards })] : [],
    ...gettys.map((getty) => stop(getty, { cards })),
    // masked after it was stopped, so that on the way back it can be started; elsewhere what is stopped stays so
    ...gettys.length > 0 && desktop.init === "systemd" ? [{ kind: "mask-units", units: gettys, cards } as const] : [],
    ...sessions.map(({ id, user }): EndSession => ({ kind: "end-session", id, user, limitMs })),
    ...logins.map(({ tty, user, pid, start }): Step => ({ kind: "end-login", tty, user, pid, start, limitMs })),
    ...leave.processes.map(({ pid, start, name }): Step => ({ kind: "end-process", pid, start, name, limitMs })),
  ];
}

/** What starts again when the functions are with vfio: those that can do without them. */
export function againSteps({ desktop, units, manager }: Leave): Step[] {
  const alone = desktop ? [] : units.filter(({ alone }) => alone);
  return [
    // with their sockets, which they need
    ...alone.map(({ unit, user }): Step => ({ kind: "start-service", service: unit, user })),
    ...manager?.again ? [{ kind: "start-service", service: manager.name } as const] : [],
  ];
}
