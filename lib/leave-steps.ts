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
export function awakeSteps({ systemd }: Desktop, guest: string): InhibitSleep[] {
  return systemd ? [{ kind: "inhibit-sleep", why: `guest ${guest} has a graphics card` }] : [];
}

/** The steps; none where nobody has to go. */
export function leaveSteps(
  leave: Leave,
  desktop: Desktop,
  policy: DesktopPolicy,
  addresses: readonly string[],
): Step[] {
  const limitMs = policy.wait * 1000;
  const { cards, sessions } = leave;
  const stop = (service: string, more: Partial<StopService> = {}): StopService => (
    { kind: "stop-service", service, back: true, limitMs, ...more }
  );
  const gettys = sessions.flatMap(({ tty }) => desktop.gettys[tty ?? ""] ?? []);
  const users = new Map(sessions.filter(({ type }) => type !== "tty").map(({ uid, user }) => [uid, user]));
  const manager = leave.desktop ? desktop.manager?.name : undefined;
  const steps: Step[] = [
    ...leave.services.map((service) => stop(service)),
    // what belongs to a session can be told to go while the session is there (docs/vfio.md F10)
    ...[...users].map(([uid, name]) => stop("graphical-session.target", { user: { uid, name }, back: false })),
    ...leave.units.flatMap(({ unit, user, alone }) => {
      const sockets = desktop.sockets[`${user.uid} ${unit}`] ?? []; // first: they would start the unit again
      return [...sockets, unit].map((name) => stop(name, { user, back: alone }));
    }),
    ...manager ? [stop(manager, { cards })] : [],
    // masked after it was stopped, so that on the way back it can be started
    ...gettys.map((getty) => stop(getty, { cards })),
    ...gettys.length > 0 ? [{ kind: "mask-units", units: gettys, cards } as const] : [],
    ...sessions.map(({ id, user }): EndSession => ({ kind: "end-session", id, user, limitMs })),
    ...leave.processes.map(({ pid, start, name }): Step => ({ kind: "end-process", pid, start, name, limitMs })),
  ];
  return steps.length > 0 ? [...steps, { kind: "wait-unused", addresses, limitMs }] : [];
}

/** What starts again when the functions are with vfio: those that can do without them. */
export function againSteps(leave: Leave, desktop: Desktop, policy: DesktopPolicy, cardLeft: boolean): Step[] {
  const units = leave.desktop ? [] : leave.units.filter(({ alone }) => alone);
  const manager = leave.desktop && policy.restart && cardLeft ? desktop.manager?.name : undefined;
  return [
    // with their sockets, which they need
    ...units.map(({ unit, user }): Step => ({ kind: "start-service", service: unit, user })),
    ...manager ? [{ kind: "start-service", service: manager } as const] : [],
  ];
}
