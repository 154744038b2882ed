/**
 * Sessions of logind, or of elogind, which is the same without systemd.
 *
 * @module
 */

import type { System } from "../system.ts";
import { ask, blocks, CALL_MS } from "./ask.ts";

const LOGINCTL = "/usr/bin/loginctl";

/** A session of logind. */
export interface Session {
  /** Its id. */
  readonly id: string;
  /** Name of its user. */
  readonly user: string;
  /** Id of its user. */
  readonly uid: number;
  /** Its seat; undefined where it has none, as one over ssh. */
  readonly seat?: string;
  /** Its terminal, `tty1`. */
  readonly tty?: string;
  /** `x11`, `wayland`, `mir`; `tty` for one that began as a login on a text console. */
  readonly type: string;
  /** Somebody is logged in from elsewhere. */
  readonly remote: boolean;
  /** Somebody has logged out of it, and left programs running. */
  readonly closing?: boolean;
}

/** Properties of sessions. */
const SESSION = ["Id", "Name", "User", "Seat", "TTY", "Type", "Class", "Remote", "State"];
/** How often sessions are listed anew when one of them has ended before it was looked at. */
const LISTS = 3;

/** No sessions where loginctl says that there is no logind; its folder may be there all the same. */
function noLogind(error: Error): string {
  if (error.message.includes("not been booted with systemd")) return "";
  throw error;
}

/** All sessions; none where there is no logind. */
export async function readSessions(system: System): Promise<Session[]> {
  if (system.info("/run/systemd/sessions") === undefined) return [];
  for (let lists = 1;; lists++) {
    const list = await ask(system, LOGINCTL, ["list-sessions", "--no-legend"]).catch(noLogind);
    const ids = list.split("\n").flatMap((line) => /^\s*(\S+)/.exec(line)?.[1] ?? []);
    if (ids.length === 0) return [];
    try {
      return await showSessions(system, ids);
    } catch (error) {
      if (lists === LISTS) throw error;
    }
  }
}

/** Sessions by their ids. */
async function showSessions(system: System, ids: readonly string[]): Promise<Session[]> {
  // unlike systemctl it takes no list of properties
  const text = await ask(system, LOGINCTL, [
    "show-session",
    ...SESSION.map((name) => `--property=${name}`),
    "--",
    ...ids,
  ]);
  return blocks(text).filter((block) => block.get("Class") !== "manager")
    .map((block) => ({
      id: block.get("Id") ?? "",
      user: block.get("Name") ?? "",
      uid: Number(block.get("User")),
      seat: block.get("Seat") || undefined,
      tty: block.get("TTY") || undefined,
      type: block.get("Type") ?? "",
      remote: block.get("Remote") === "yes",
      closing: block.get("State") === "closing",
    }));
}

/** Ends a session: by TERM, which its programs may heed, or by KILL. One that has ended meanwhile is no error. */
export async function endSession(system: System, id: string, how: "TERM" | "KILL"): Promise<void> {
  const args = how === "TERM" ? ["terminate-session", "--", id] : ["kill-session", "--signal=KILL", "--", id];
  await system.run({ program: LOGINCTL, args, timeoutMs: CALL_MS });
}
