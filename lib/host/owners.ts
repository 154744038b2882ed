/**
 * What a process belongs to, by its control group: the names that systemd and elogind give these are their interface.
 *
 * @module
 */

import type { System } from "../system.ts";

/** What a process belongs to. */
export type Owner =
  /** A session of logind, by its id. */
  | { readonly kind: "session"; readonly id: string }
  /** A unit of a user's manager. */
  | { readonly kind: "user-unit"; readonly uid: number; readonly unit: string }
  /** A service of the system. */
  | { readonly kind: "service"; readonly unit: string }
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
  const path = lines.find(([controllers]) => controllers === "" || controllers === "name=systemd")?.[1] ?? "";
  for (const [form, owner] of FORMS) {
    const found = form.exec(path);
    if (found) return owner.call(undefined, found.slice(1));
  }
  return { kind: "none" };
}

/** What a process belongs to. */
export function ownerOf(system: System, pid: number): Owner {
  return ownerIn(system.read(`/proc/${pid}/cgroup`) ?? "");
}

/** One phrase for people. */
export function ownerName(owner: Owner): string {
  if (owner.kind === "session") return `session ${owner.id}`;
  if (owner.kind === "guest") return "a guest";
  if (owner.kind === "none") return "no session and no service";
  return owner.kind === "service" ? owner.unit : `${owner.unit} of user ${owner.uid}`;
}
