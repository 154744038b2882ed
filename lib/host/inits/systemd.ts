/**
 * systemd: units of the system, and of users' managers.
 *
 * @module
 */

import type { System } from "../../system.ts";
import { ask, blocks, CALL_MS } from "../ask.ts";
import { inGroups } from "../processes.ts";
import type { Init, Unit, UnitUser } from "./init.ts";

const SYSTEMCTL = "/usr/bin/systemctl";

/** Arguments in front of an order to a user's manager. */
const inManager = (user: UnitUser | undefined) => user ? ["--user", `--machine=${user.name}@.host`] : [];

/** What systemd calls the states; any other one is inactive. */
const STATES: Readonly<Record<string, Unit["state"]>> = {
  active: "active",
  reloading: "active",
  activating: "starting",
  deactivating: "stopping",
};

/** A unit's whole name: without a kind it is a service. */
const whole = (name: string) => /\.(service|socket|target|scope)$/.test(name) ? name : `${name}.service`;

/** See {@linkcode Init}. */
export const systemd: Init = {
  name: "systemd",
  here: (system) => system.info("/run/systemd/system") !== undefined,
  async show(system, names, user) {
    if (names.length === 0) return [];
    const properties = "--property=Id,ActiveState,Job";
    const text = await ask(system, SYSTEMCTL, [...inManager(user), "show", properties, "--", ...names.map(whole)]);
    return blocks(text).map((block) => {
      // one whose start is still in the queue is inactive, and has a job
      const queued = Number(block.get("Job") ?? 0) > 0;
      return {
        name: block.get("Id") ?? "",
        state: STATES[block.get("ActiveState")!] ?? (queued ? "starting" : "inactive"),
      };
    });
  },
  async order(system, what, service, _limitMs, user) {
    await ask(system, SYSTEMCTL, [...inManager(user), what, "--no-block", "--", service]);
  },
  processes: (system, service, user) =>
    Promise.resolve(inGroups(system, ...(user ? [`user@${user.uid}.service`] : []), service)),
  async isStopping(system) {
    // its exit status tells of every unit that has ever failed
    const result = await system.run({ program: SYSTEMCTL, args: ["is-system-running"], timeoutMs: CALL_MS });
    return new TextDecoder().decode(result.stdout).trim() === "stopping";
  },
  status: (service) => `systemctl status ${service}`,
  gettys: (tty) => [`getty@${tty}.service`],
  async resetFailed(system, service, user) {
    await ask(system, SYSTEMCTL, [...inManager(user), "reset-failed", "--", service]);
  },
};

/** What a unit of a user's manager has to do with others. */
export interface Relations {
  /** Sockets that start it again when somebody asks for them. */
  readonly sockets: readonly string[];
  /** It is a part of no target, such as graphical-session.target: it does not come back with a session. */
  readonly alone: boolean;
}

/** Relations of units of a user's manager, by their names. */
export async function relationsOf(
  system: System,
  names: readonly string[],
  user: UnitUser,
): Promise<Map<string, Relations>> {
  const properties = "--property=Id,TriggeredBy,PartOf,BindsTo,Requisite";
  const text = await ask(system, SYSTEMCTL, [...inManager(user), "show", properties, "--", ...names]);
  const list = (block: Map<string, string>, name: string) => (block.get(name) ?? "").split(" ").filter(Boolean);
  return new Map(
    blocks(text).map((block) => [block.get("Id") ?? "", {
      sockets: list(block, "TriggeredBy"),
      alone: !["PartOf", "BindsTo", "Requisite"].some((name) => list(block, name).some((at) => at.endsWith(".target"))),
    }]),
  );
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
