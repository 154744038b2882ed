/**
 * What a process belongs to: by its control group, the names of which are an interface of systemd, elogind and OpenRC;
 * where that says nothing, by the processes that it comes from.
 *
 * @module
 */

import type { System } from "../system.ts";
import { DISPLAY_MANAGERS, SEAT_DAEMONS } from "./programs.ts";
import { nameOf, parentOf, pids, startOf, terminalOf, userIdOf } from "./processes.ts";

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
  /** Nothing that has a name. */
  | { readonly kind: "none" };

/** Paths of control groups, and what they mean; the innermost name counts. */
const FORMS: readonly (readonly [form: RegExp, owner: (names: readonly string[]) => Owner])[] = [
  [/(?:^|\/)machine\.slice\//, () => ({ kind: "guest" })],
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

/** What a process belongs to by the processes that it comes from. */
function byAncestors(system: System, pid: number): Owner {
  let login: Owner | undefined;
  let service: Owner | undefined;
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = parentOf(system, at)) {
    const name = nameOf(system, at) ?? "";
    if (DAEMONS.has(name) && userIdOf(system, at) === 0) return { kind: "service", unit: name };
    const tty = terminalOf(system, at);
    if (tty) login = { kind: "login", tty, pid: at, start: startOf(system, at) ?? "" };
    const unit = SUPERVISORS.has(name) ? system.read(`/proc/${at}/cmdline`)?.split("\0")[1] : undefined;
    if (unit) service ??= { kind: "service", unit };
  }
  return login ?? service ?? { kind: "none" };
}

/** What a process belongs to. */
export function ownerOf(system: System, pid: number): Owner {
  const owner = ownerIn(system.read(`/proc/${pid}/cgroup`) ?? "");
  if (owner.kind === "service" && PROMPT.test(owner.unit)) {
    const found = byAncestors(system, pid);
    return found.kind === "login" ? found : owner;
  }
  return owner.kind === "none" ? byAncestors(system, pid) : owner;
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
  if (owner.kind === "none") return "no session and no service";
  return owner.kind === "service" ? owner.unit : `${owner.unit} of user ${owner.uid}`;
}
