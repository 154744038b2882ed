/**
 * What a process belongs to: by its control group, the names of which are an interface of systemd, elogind and OpenRC;
 * where that says nothing, by the processes that it comes from.
 *
 * @module
 */

import type { System } from "../system.ts";
import {
  argumentsOf,
  environmentOf,
  kernelSessionOf,
  nameOf,
  parentOf,
  pids,
  startOf,
  terminalOf,
  userIdOf,
} from "./processes.ts";
import { DISPLAY_MANAGERS, SEAT_DAEMONS } from "./programs.ts";
import { isAbove, isGuest, isSeatUnit, isVital } from "./vital.ts";

/** What a process belongs to. */
export type Owner =
  /** A session of logind, by its id. */
  | { readonly kind: "session"; readonly id: string }
  /** A unit of a user's manager. */
  | { readonly kind: "user-unit"; readonly uid: number; readonly unit: string }
  /** A service of the system. */
  | { readonly kind: "service"; readonly unit: string }
  /** A login on a text console without a session of logind, by its first process, and when that started. */
  | { readonly kind: "login"; readonly tty: string; readonly pid: number; readonly start: string }
  /** A guest of libvirt. */
  | { readonly kind: "guest" }
  /** What the host hangs on, or this program itself: it is never ended. */
  | { readonly kind: "host" }
  /** Nothing that has a name. */
  | { readonly kind: "none" };

/** A login on a text console. */
type Login = Extract<Owner, { readonly kind: "login" }>;

/**
 * Control groups of guests and containers: of machined, and of libvirt itself, which makes them in a partition that the
 * administrator may choose; with version 1 of them in the hierarchies of the controllers alone.
 */
const GUESTS = /^\/machine\/|\/machine\.slice\/|\/[^/]+\.libvirt-[a-z]+(?:\/|$)|\/libvirt\/(?:qemu|lxc)\/[^/]/;

/** Paths of control groups, and what they mean; the innermost name counts. */
const FORMS: readonly (readonly [form: RegExp, owner: (names: readonly string[]) => Owner])[] = [
  [
    /\/user@(\d+)\.service\/(?:.*\/)?([^/]+\.(?:service|scope|socket))(?:\/[^.]*)?$/,
    ([uid, unit]) => ({ kind: "user-unit", uid: Number(uid), unit: unit! }),
  ],
  [/\/user@(\d+)\.service(?:\/|$)/, ([uid]) => ({ kind: "user-unit", uid: Number(uid), unit: "init.scope" })],
  [/\/session-([^/.]+)\.scope(?:\/|$)/, ([id]) => ({ kind: "session", id: id! })],
  [/^\/init\.scope$/, () => ({ kind: "service", unit: "init.scope" })],
  [/\/([^/]+\.service)(?:\/|$)/, ([unit]) => ({ kind: "service", unit: unit! })],
  [/^\/openrc\.([^/]+)(?:\/|$)/, ([unit]) => ({ kind: "service", unit: unit! })],
  [/^\/(c?\d+)(?:\/|$)/, ([id]) => ({ kind: "session", id: id! })], // elogind's, where there is one hierarchy
];

/**
 * What a text of /proc/PID/cgroup says.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ownerIn } from "./owners.ts";
 *
 * assertEquals(ownerIn("0::/user.slice/user-1000.slice/session-2.scope\n"), { kind: "session", id: "2" });
 * assertEquals(ownerIn("0::/system.slice/lactd.service\n"), { kind: "service", unit: "lactd.service" });
 * ```
 */
export function ownerIn(text: string): Owner {
  const lines = text.split("\n").map((line) => /^(\d+):([^:]*):(.*)$/.exec(line)?.slice(2) ?? []);
  if (lines.some(([, path]) => GUESTS.test(path ?? ""))) return { kind: "guest" };
  // elogind keeps its sessions in a hierarchy of its own, under their bare ids
  const elogind = lines.find(([controllers]) => controllers === "name=elogind")?.[1]?.slice(1);
  if (elogind) return { kind: "session", id: elogind };
  const openrc = lines.find(([controllers]) => controllers === "name=openrc")?.[1]?.split("/")[1];
  if (openrc) return { kind: "service", unit: openrc };
  const path = lines.find(([controllers]) => controllers === "" || controllers === "name=systemd")?.[1] ?? "";
  for (const [form, owner] of FORMS) {
    const found = form.exec(path);
    if (found) return owner.call(undefined, found.slice(1));
  }
  return { kind: "none" };
}

/** Services that are a login prompt: what somebody does who has logged in there is none of their own. */
const PROMPT = /^(serial-)?(a?getty|tty\d)/;

/** Programs that start a service, and again when it ends; their first argument is its name. */
const SUPERVISORS: ReadonlySet<string> = new Set(["runsv", "s6-supervise", "supervise-daemon"]);

/** Programs that show the desktop, or open cards for those who do. */
const DAEMONS: ReadonlySet<string> = new Set([...DISPLAY_MANAGERS, ...SEAT_DAEMONS]);

/**
 * What a process comes from: its parent, or, where that has ended, the process that leads its terminal. wlroots starts
 * Xwayland by a double fork, and leaves it the terminal.
 */
function originOf(system: System, pid: number): number | undefined {
  const parent = parentOf(system, pid);
  if (parent !== 1 || terminalOf(system, pid) === undefined) return parent;
  const leader = kernelSessionOf(system, pid);
  const leads = leader !== undefined && leader !== pid && terminalOf(system, leader) === terminalOf(system, pid);
  return leads ? leader : parent;
}

/** What a process belongs to by the processes that it comes from. */
function byAncestors(system: System, pid: number): Owner {
  let login: Owner | undefined;
  let service: Owner | undefined;
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = originOf(system, at)) {
    const name = nameOf(system, at) ?? "";
    if (DAEMONS.has(name) && userIdOf(system, at) === 0) return { kind: "service", unit: name };
    const tty = terminalOf(system, at);
    if (tty) login = { kind: "login", tty, pid: at, start: startOf(system, at) ?? "" };
    const unit = SUPERVISORS.has(name) ? argumentsOf(system, at)[1] : undefined;
    if (unit) service ??= { kind: "service", unit };
  }
  return login ?? service ?? { kind: "none" };
}

/** Variables of programs that show something, and of those that are there for somebody far away. */
const SHOWS = ["DISPLAY", "WAYLAND_DISPLAY", "XDG_VTNR"] as const;
const REMOTE = ["SSH_CONNECTION", "SSH_TTY"] as const;

/**
 * Was a process started from a desktop that was started on a text console? Root's were not: a service that was started from
 * a window by sudo looks the same. Gives the number of the console where that is known.
 */
function shownOn(system: System, pid: number): { uid: number; console?: string } | undefined {
  const uid = userIdOf(system, pid);
  const variables = environmentOf(system, pid);
  const shows = SHOWS.some((name) => variables.has(name)) && !REMOTE.some((name) => variables.has(name));
  if (!uid || !shows) return undefined;
  const number = variables.get("XDG_VTNR");
  if (number !== undefined) return { uid, console: `tty${number}` };
  // with a display manager the display may be that one's
  const managed = (at: string) => DISPLAY_MANAGERS.includes(nameOf(system, at) ?? "") && userIdOf(system, at) === 0;
  return pids(system).some(managed) ? undefined : { uid };
}

/** Logins of a user on text consoles. */
function loginsOf(system: System, uid: number): Login[] {
  const found = new Map<number, Login>();
  for (const pid of pids(system).map(Number)) {
    if (terminalOf(system, pid) === undefined || userIdOf(system, pid) !== uid) continue;
    const owner = byAncestors(system, pid);
    if (owner.kind === "login") found.set(owner.pid, owner);
  }
  return [...found.values()];
}

/**
 * The login that a process belongs to by its environment: i3 and sway start programs by a double fork, so that these have
 * neither a parent nor a terminal there.
 */
function byEnvironment(system: System, pid: number): Login | undefined {
  const shown = shownOn(system, pid);
  const [login, ...others] = shown ? loginsOf(system, shown.uid) : [];
  return others.length === 0 && (shown?.console ?? login?.tty) === login?.tty ? login : undefined;
}

/** What is left of a user's login that began at that time and has ended; none where the user has logged in again. */
export function leftOf(system: System, uid: number, { tty, start }: Pick<Login, "tty" | "start">): number[] {
  if (loginsOf(system, uid).length > 0) return [];
  return pids(system).map(Number).filter((pid) => {
    if (userIdOf(system, pid) !== uid || Number(startOf(system, pid) ?? 0) < Number(start)) return false;
    const owner = ownerOf(system, pid);
    const loose = owner.kind === "none" || owner.kind === "service" && PROMPT.test(owner.unit);
    const shown = loose ? shownOn(system, pid) : undefined;
    return shown !== undefined && (shown.console ?? tty) === tty;
  });
}

/** What a process belongs to by its control group, or by what it comes from. */
function byOrigin(system: System, pid: number): Owner {
  const owner = ownerIn(system.read(`/proc/${pid}/cgroup`) ?? "");
  const prompt = owner.kind === "service" && PROMPT.test(owner.unit);
  if (owner.kind !== "none" && !prompt) return owner;
  const found = byAncestors(system, pid);
  if (found.kind === "login" || found.kind === "service" && !prompt) return found;
  return byEnvironment(system, pid) ?? owner;
}

/** What a process belongs to. */
export function ownerOf(system: System, pid: number): Owner {
  if (isGuest(system, pid)) return { kind: "guest" };
  const owner = byOrigin(system, pid);
  if (owner.kind === "guest" || owner.kind === "service" && isSeatUnit(owner.unit)) return owner;
  if (!isVital(system, pid)) return isAbove(system, pid) ? { kind: "host" } : owner;
  const name = nameOf(system, pid) ?? "";
  return isSeatUnit(name) ? { kind: "service", unit: name } : { kind: "host" }; // elogind may be the message bus's child
}

/** May a process of that owner never be ended by itself? */
export function stays(owner: Owner): boolean {
  return owner.kind === "guest" || owner.kind === "host" || owner.kind === "service" && isSeatUnit(owner.unit);
}

/** Processes of a session, by its id. */
export function inSession(system: System, id: string): number[] {
  return pids(system).map(Number).filter((pid) => {
    const owner = ownerIn(system.read(`/proc/${pid}/cgroup`) ?? "");
    return owner.kind === "session" && owner.id === id;
  });
}

/** One phrase for people. */
export function ownerName(owner: Owner): string {
  if (owner.kind === "session") return `session ${owner.id}`;
  if (owner.kind === "login") return `the login on ${owner.tty}`;
  if (owner.kind === "guest") return "a guest";
  if (owner.kind === "host") return "the host itself";
  if (owner.kind === "none") return "no session and no service";
  return owner.kind === "service" ? owner.unit : `${owner.unit} of user ${owner.uid}`;
}
