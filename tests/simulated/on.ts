/**
 * What tests of the simulated host share: a host that can be looked at, and something that runs on it.
 *
 * @module
 */

import type { CommandResult, System } from "../../lib/system.ts";
import type { Fault } from "./faults.ts";
import { SimulatedHost } from "./host.ts";
import type { Machine } from "./machine.ts";
import { workstation } from "./machines.ts";
import type { Main, Outcome } from "./program.ts";

/** A host with the second mounts in place through which programs see sysfs and proc. */
export function hostOf(machine: Machine = workstation, faults: readonly Fault[] = []): SimulatedHost {
  const host = new SimulatedHost(machine, faults);
  host.mounted.add("sysfs").add("proc");
  return host;
}

/** Runs something as a process; what it throws is a failure of the test. */
export async function on(host: SimulatedHost, body: (system: System) => unknown, uid = 0): Promise<Outcome> {
  const main: Main = async (system) => {
    await body(system);
    return 0;
  };
  const outcome = await host.start(main, { program: "/usr/bin/test", uid }).ended;
  if (outcome.error) throw outcome.error;
  return outcome;
}

/** Runs a program of the system, given as one line; gives its status, output and error as text. */
export async function run(system: System, line: string): Promise<Omit<CommandResult, "stdout"> & { stdout: string }> {
  const [program, ...args] = line.split(" ");
  const result = await system.run({ program: `/usr/bin/${program}`, args, timeoutMs: 5_000 });
  return { ...result, stdout: new TextDecoder().decode(result.stdout) };
}

/** Runs a program given with its path, as one line; gives its status, -1 where it did not end, and all that it said. */
export async function runPath(system: System, line: string): Promise<{ code: number; said: string }> {
  const [program, ...args] = line.split(" ");
  const { ended, code, stdout, stderr } = await system.run({ program: program!, args, timeoutMs: 9_000 });
  return { code: ended === "exit" ? code : -1, said: new TextDecoder().decode(stdout) + stderr };
}
