/**
 * runit, by sv(8) (docs/vfio.md 4.6.2).
 *
 * @module
 */

import { AidError, failureOf } from "../../errors.ts";
import type { System } from "../../system.ts";
import { CALL_MS } from "../ask.ts";
import { descendants, nameOf, parentOf, withArguments } from "../processes.ts";
import type { Init, Unit } from "./init.ts";
import { bareName, isServiceName, orderedName } from "./names.ts";

const SV = "/usr/bin/sv";

/** How long sv looks for a service that was told to start, in seconds: runsv lets one rest for a second between its runs. */
const START_S = 2;

/** What sv prints. Its status counts services that it has something to say about, up to 99; it prints that, too. */
async function sv(system: System, args: readonly string[], timeoutMs: number): Promise<string> {
  const result = await system.run({ program: SV, args, timeoutMs });
  if (result.ended === "exit" && result.code < 100) return new TextDecoder().decode(result.stdout);
  const line = `${SV} ${args.join(" ")}`;
  throw new AidError(`${line}: ${failureOf(result)}`, `run it yourself: ${line}`);
}

/** State by a line of `sv status`. */
function stateOf(line: string): Unit["state"] {
  const [service = ""] = line.split(";"); // its logger's state comes behind it
  const [word] = service.split(":");
  if (word === "run") return service.includes(", want down") ? "stopping" : "active";
  // runs its finish script, and then runs again if that is wanted
  if (word === "finish") return service.includes(", want down") ? "stopping" : "starting";
  if (word === "down") return service.includes(", want up") ? "starting" : "inactive";
  return "inactive";
}

/** See {@linkcode Init}. */
export const runit: Init = {
  name: "runit",
  here: (system) => nameOf(system, 1) === "runit",
  async show(system, names) {
    const bare = names.map(bareName);
    const asked = bare.filter(isServiceName);
    const text = asked.length === 0 ? "" : await sv(system, ["status", ...asked], CALL_MS);
    const lines = text.split("\n").map((line) => [/^\w+: ([^:]+): /.exec(line)?.[1], line] as const);
    return bare.map((name) => ({ name, state: stateOf(lines.find(([of]) => of === name)?.[1] ?? "") }));
  },
  async order(system, what, service, limitMs) {
    const name = orderedName(service);
    // a service that was told to start can be down for a second more, and nothing tells that from one that stays down
    const args = what === "stop" ? ["down", name] : ["-w", `${START_S}`, "start", name];
    const text = await sv(system, args, limitMs);
    // `timeout: `: the order was given, which is all that is asked here
    const failure = /^(?:fail|warning): .*$/m.exec(text)?.[0];
    if (failure === undefined) return;
    const line = `${SV} ${args.join(" ")}`;
    throw new AidError(`${line}: ${failure}`, `run it yourself: ${line}`);
  },
  async processes(system, service) {
    const name = bareName(service);
    if (!isServiceName(name)) return [];
    // by what sv says: a logger is a child of runsv too, and outlives its service
    const [own = ""] = (await sv(system, ["status", name], CALL_MS)).split(";");
    const pid = Number(/^(?:run|finish): [^:]+: \(pid (\d+)\)/.exec(own)?.[1] ?? 0);
    return pid === 0 ? [] : [pid, ...descendants(system, [pid])];
  },
  isStopping: (system) =>
    Promise.resolve(withArguments(system, "/etc/runit/3").some((pid) => parentOf(system, pid) === 1)),
  status: (service) => `sv status ${bareName(service)}`,
  stopCommand: (service) => `sv down ${bareName(service)}`,
  gettys: (tty) => [`agetty-${tty}`, `getty-${tty}`],
};
