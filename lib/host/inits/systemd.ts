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

/** Ends of names, one for each kind of unit. */
const KIND = /\.(service|socket|target|scope|slice|timer|path|mount|automount|swap|device)$/;

/** A unit's whole name: without a kind it is a service. */
const whole = (name: string) => KIND.test(name) ? name : `${name}.service`;

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
  stopCommand: (service) => `systemctl stop ${service}`,
  gettys: (tty) => [`getty@${tty}.service`],
  async resetFailed(system, service, user) {
    await ask(system, SYSTEMCTL, [...inManager(user), "reset-failed", "--", service]);
  },
};

/** What a unit of a user's manager has to do with others. */
export interface Relations {
  /** Sockets that start it again when somebody asks for them. */
  readonly sockets: readonly string[];
  /** Neither it nor what it cannot run without hangs on a target of a session: it does not come back with one. */
  readonly alone: boolean;
}

/** What a unit is stopped with, or cannot run without. */
const TIES = ["PartOf", "BindsTo", "Requisite", "Requires"] as const;

/** A target that a session is none of: every unit of a manager requires it, where it does not say otherwise. */
const BASIC = "basic.target";

/**
 * Relations of units of a user's manager, by their names. A service that one of them is tied to is asked about too:
 * WirePlumber is bound to PipeWire, which goes its own way, and a panel may be a part of a compositor that does not.
 */
export async function relationsOf(
  system: System,
  names: readonly string[],
  user: UnitUser,
): Promise<Map<string, Relations>> {
  const known = new Map<string, Map<string, string>>();
  const list = (unit: string, property: string) => (known.get(unit)?.get(property) ?? "").split(" ").filter(Boolean);
  const ties = (unit: string) => TIES.flatMap((property) => list(unit, property));
  const services = (unit: string) => ties(unit).filter((tie) => tie.endsWith(".service"));
  const asked = new Set<string>();
  const found: string[] = [];
  for (let next = [...names]; next.length > 0; next = [...known.keys()].flatMap(services)) {
    next = [...new Set(next)].filter((name) => !asked.has(name) && !known.has(name));
    if (next.length === 0) break;
    for (const name of next) asked.add(name);
    const properties = `--property=Id,TriggeredBy,${TIES.join()}`;
    const text = await ask(system, SYSTEMCTL, [...inManager(user), "show", properties, "--", ...next]);
    for (const block of blocks(text)) known.set(block.get("Id") ?? "", block);
    if (found.length === 0) found.push(...known.keys());
  }
  const alone = (unit: string, seen: readonly string[]): boolean =>
    ties(unit).every((tie) => tie === BASIC || !tie.endsWith(".target")) &&
    services(unit).every((tie) => seen.includes(tie) || alone(tie, [...seen, tie]));
  return new Map(found.map((unit) => [unit, { sockets: list(unit, "TriggeredBy"), alone: alone(unit, [unit]) }]));
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
