/**
 * What desktops have in common.
 *
 * @module
 */

import type { SessionSpec, UnitSpec } from "../desktop.ts";
import type { Machine } from "../machine.ts";

/** Ann, who sits at the machine. */
export const ANN = { uid: 1000, user: "ann" } as const;

/** What a desktop adds to a machine. */
export type Desktop = Pick<Machine, "units" | "sessions" | "processes">;

/** Device nodes that a desktop uses. */
export interface DesktopNodes {
  /** Of its cards: what a compositor or X server opens. */
  readonly cards: readonly string[];
  /** Of its cards: what a program that draws opens. */
  readonly render: readonly string[];
  /** What logind opens for a session: the DRM cards. */
  readonly seat: readonly string[];
  /** Buses to its monitors. */
  readonly i2c: readonly string[];
  /** Sound of its cards, while something plays through a monitor. */
  readonly playing: readonly string[];
  /** Control nodes of all sound cards. */
  readonly controls: readonly string[];
}

/** A session at the machine. */
export const atSeat = { seat: "seat0", class: "user", ...ANN } as const;

/** A greeter: it comes when the display manager is started. */
export const greeter = { id: "c1", seat: "seat0", class: "greeter", tty: "tty1", later: true } as const;

/**
 * PipeWire: the daemon has open what plays, the session manager all control nodes. It has nothing to do with the
 * graphical session, and its sockets start it again.
 */
export function pipewire({ playing, controls }: DesktopNodes): UnitSpec[] {
  const user = ANN.uid;
  const service = { user, slice: "session.slice" };
  const program = (comm: string) => ({ comm, args: [`/usr/bin/${comm}`] });
  return [
    { name: "pipewire.socket", user },
    { name: "pipewire-pulse.socket", user },
    {
      ...service,
      name: "pipewire.service",
      triggeredBy: ["pipewire.socket"],
      starts: ["wireplumber.service"],
      stops: ["wireplumber.service"],
      processes: [{ ...program("pipewire"), open: playing }],
    },
    {
      ...service,
      name: "pipewire-pulse.service",
      triggeredBy: ["pipewire-pulse.socket"],
      processes: [program("pipewire-pulse")],
    },
    { ...service, name: "wireplumber.service", processes: [{ ...program("wireplumber"), open: controls }] },
  ];
}

/** A display manager. */
export function manager(name: string, program: string): UnitSpec {
  return {
    name: `${name}.service`,
    aliases: ["display-manager.service"],
    processes: [{ comm: program.slice(program.lastIndexOf("/") + 1), args: [program] }],
    restart: "always",
    sessions: ["c1"],
  };
}

/** A user's unit of the desktop. */
export function unitOf(
  name: string,
  slice: string,
  processes: UnitSpec["processes"],
  more: Partial<UnitSpec> = {},
): UnitSpec {
  return { name, user: ANN.uid, slice, processes, ...more };
}

/** `graphical-session.target` of a user, and what stops with it. */
export function graphicalSession(stops: readonly string[]): UnitSpec {
  return { name: "graphical-session.target", user: ANN.uid, stops };
}

/** Ann's session; on Wayland, where the desktop does not say otherwise. */
export function session(more: Pick<SessionSpec, "service" | "processes"> & Partial<SessionSpec>): SessionSpec {
  return { ...atSeat, id: "2", type: "wayland", tty: "tty2", ...more };
}
