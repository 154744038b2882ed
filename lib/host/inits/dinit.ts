/**
 * dinit, by dinitctl(8) (docs/vfio.md 4.6.4).
 *
 * @module
 */

import type { System } from "../../system.ts";
import { ask } from "../ask.ts";
import { descendants, nameOf } from "../processes.ts";
import type { Init, Unit } from "./init.ts";
import { bareName, orderedName } from "./names.ts";

const DINITCTL = "/usr/bin/dinitctl";

/** A line of `dinitctl list`: what it is to be, what it is, its name and its process. */
const LINE = /^\[([ {[])([ +s])[ }\]](<<|>>| {2})[ {][ X-][ }]\] (\S+)(?: \(pid: (\d+)\))?/;

/** A service that dinit has loaded. */
interface Loaded extends Unit {
  /** Is it to be up? */
  readonly wanted: boolean;
  /** Its process. */
  readonly pid?: number;
}

function stateOf(up: boolean, way: string, wanted: boolean): Unit["state"] {
  if (up || way === "<<") return !wanted ? "stopping" : up ? "active" : "starting";
  if (way === ">>") return "stopping";
  return wanted ? "starting" : "inactive";
}

/** All that are loaded; those that nobody has asked for since the boot are not. */
async function list(system: System): Promise<Map<string, Loaded>> {
  const text = await ask(system, DINITCTL, ["list"]);
  const found = text.split("\n").map((line) => LINE.exec(line)).filter((match) => match !== null);
  return new Map(found.map(([, target, now, way, name, pid]) => {
    const wanted = target !== " ";
    const state = stateOf(now !== " ", way!, wanted);
    return [name!, { name: name!, state, wanted, ...(pid && { pid: Number(pid) }) }];
  }));
}

/** See {@linkcode Init}. */
export const dinit: Init = {
  name: "dinit",
  // the kernel names pid 1 after the link that it was started by, which is /sbin/init
  here: (system) =>
    nameOf(system, 1) === "dinit" ||
    nameOf(system, 1) === "init" && /\/dinit$/.test(system.link("/proc/1/exe") ?? ""),
  async show(system, names) {
    if (names.length === 0) return [];
    const loaded = await list(system);
    return names.map(bareName).map((name) => ({ name, state: loaded.get(name)?.state ?? "inactive" }));
  },
  async order(system, what, service, limitMs) {
    // without --force: where others depend on the service, they would be stopped with it, and nothing would start them again
    await ask(system, DINITCTL, [what, "--no-wait", orderedName(service)], limitMs);
  },
  async processes(system, service) {
    const pid = (await list(system)).get(bareName(service))?.pid;
    return pid === undefined ? [] : [pid, ...descendants(system, [pid])];
  },
  async isStopping(system) {
    // at its end nothing is to be up, and dinit refuses to start anything; it may have been booted without `boot`
    const loaded = await list(system);
    return !(loaded.get("boot")?.wanted ?? [...loaded.values()].some(({ wanted }) => wanted));
  },
  status: (service) => `dinitctl status ${bareName(service)}`,
  stopCommand: (service) => `dinitctl stop ${bareName(service)}`,
  gettys: (tty) => [`agetty-${tty}`, tty],
};
