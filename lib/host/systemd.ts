/**
 * Units of systemd, and the sessions of logind.
 *
 * @module
 */

import { AidError, failureOf } from "../errors.ts";
import type { System } from "../system.ts";

/** Programs. */
const SYSTEMCTL = "/usr/bin/systemctl";
const LOGINCTL = "/usr/bin/loginctl";

/** How long one question or order may take: systemd answers when it has nothing more urgent. */
const CALL_MS = 10_000;

/** A unit. */
export interface Unit {
  /** Its name; an alias such as display-manager.service is resolved. */
  readonly name: string;
  /** `starting`: also one whose start is in the queue; `inactive`: also one that has failed. */
  readonly state: "active" | "starting" | "stopping" | "inactive";
}

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
}

/** Is systemd the host's init? */
export function hasSystemd(system: System): boolean {
  return system.info("/run/systemd/system") !== undefined;
}

/** Runs one of the programs; gives what it prints. */
async function ask(system: System, program: string, args: readonly string[]): Promise<string> {
  const result = await system.run({ program, args, timeoutMs: CALL_MS });
  const failure = failureOf(result);
  if (failure !== undefined) {
    throw new AidError(`${program} ${args.join(" ")}: ${failure}`, `run it yourself: ${program} ${args.join(" ")}`);
  }
  return new TextDecoder().decode(result.stdout);
}

/** Blocks of `Name=value` lines, as both programs print them. */
function blocks(text: string): Map<string, string>[] {
  return text.split(/\n{2,}/).filter((block) => block.trim() !== "").map((block) =>
    new Map(
      block.split("\n").filter((line) => line.includes("=")).map((line) => {
        const at = line.indexOf("=");
        return [line.slice(0, at), line.slice(at + 1)];
      }),
    )
  );
}

/** Arguments in front of an order to a user's manager. */
const inManager = (user: string | undefined) => user === undefined ? [] : ["--user", `--machine=${user}@.host`];

/** What systemd calls the states; any other one is inactive. */
const STATES: Readonly<Record<string, Unit["state"]>> = {
  active: "active",
  reloading: "active",
  activating: "starting",
  deactivating: "stopping",
};

/** Units by their names, in that order. */
export async function showUnits(system: System, names: readonly string[], user?: string): Promise<Unit[]> {
  if (names.length === 0) return [];
  const properties = "--property=Id,ActiveState,Job";
  const text = await ask(system, SYSTEMCTL, [...inManager(user), "show", properties, "--", ...names]);
  return blocks(text).map((block) => {
    // one whose start is still in the queue is inactive, and has a job
    const queued = Number(block.get("Job") ?? 0) > 0;
    return {
      name: block.get("Id") ?? "",
      state: STATES[block.get("ActiveState")!] ?? (queued ? "starting" : "inactive"),
    };
  });
}

/** Sockets that start units again when somebody asks for them, by the units' names. */
export async function triggersOf(
  system: System,
  names: readonly string[],
  user: string,
): Promise<Map<string, string[]>> {
  const properties = "--property=Id,TriggeredBy";
  const text = await ask(system, SYSTEMCTL, [...inManager(user), "show", properties, "--", ...names]);
  return new Map(
    blocks(text).map((block) => [
      block.get("Id") ?? "",
      (block.get("TriggeredBy") ?? "").split(" ").filter((name) => name !== ""),
    ]),
  );
}

/** Orders something of systemd that it does when it can; `user`: of that user's manager. */
export async function order(
  system: System,
  what: "start" | "stop" | "reset-failed",
  unit: string,
  user?: string,
): Promise<void> {
  const later = what === "reset-failed" ? [] : ["--no-block"];
  await ask(system, SYSTEMCTL, [...inManager(user), what, ...later, "--", unit]);
}

/** Keeps units from being started by anybody until the next boot, or lets them be started again. */
export async function mask(system: System, what: "mask" | "unmask", units: readonly string[]): Promise<void> {
  await ask(system, SYSTEMCTL, [what, "--runtime", "--", ...units]);
}

/** Is a unit masked, by the administrator or by one of us? */
export function isMasked(system: System, unit: string): boolean {
  return ["/etc/systemd/system", "/run/systemd/system"].some((folder) =>
    system.link(`${folder}/${unit}`) === "/dev/null"
  );
}

/** Is the host on its way down? Then nothing is to be started any more. */
export async function isStopping(system: System): Promise<boolean> {
  // its exit status tells of every unit that has ever failed
  const result = await system.run({ program: SYSTEMCTL, args: ["is-system-running"], timeoutMs: CALL_MS });
  return new TextDecoder().decode(result.stdout).trim() === "stopping";
}

/** Properties of sessions. */
const SESSION = ["Id", "Name", "User", "Seat", "TTY", "Type", "Class", "Remote"];
/** How often sessions are listed anew when one of them has ended before it was looked at. */
const LISTS = 3;

/** All sessions; none where there is no logind. */
export async function readSessions(system: System): Promise<Session[]> {
  if (system.info("/run/systemd/sessions") === undefined) return [];
  for (let lists = 1;; lists++) {
    const list = await ask(system, LOGINCTL, ["list-sessions", "--no-legend"]);
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
    }));
}

/** Ends a session: by TERM, which its programs may heed, or by KILL. One that has ended meanwhile is no error. */
export async function endSession(system: System, id: string, how: "TERM" | "KILL"): Promise<void> {
  const args = how === "TERM" ? ["terminate-session", "--", id] : ["kill-session", "--signal=KILL", "--", id];
  await system.run({ program: LOGINCTL, args, timeoutMs: CALL_MS });
}
