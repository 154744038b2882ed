/**
 * What a test compares before and after: everything on the host that a hand-over may change, as plain data.
 *
 * @module
 */

import type { SimulatedHost } from "./host.ts";

/** State of a function. */
export interface FunctionState {
  /** Driver, or null. */
  readonly driver: string | null;
  /** `driver_override`, or null. */
  readonly override: string | null;
  /** `power/control`. */
  readonly control: string;
  /** `d3cold_allowed`. */
  readonly d3cold: boolean;
  /** Paths in sysfs and /dev that its driver made, without what the kernel numbers anew. */
  readonly nodes: readonly string[];
}

/** State of a host. */
export interface Snapshot {
  /** By address; a function that is not there is missing. */
  readonly functions: Readonly<Record<string, FunctionState>>;
  /** Loaded modules. */
  readonly modules: readonly string[];
  /** Processes by pid, without threads of the kernel. */
  readonly processes: Readonly<Record<number, string>>;
  /** Consoles by their names: are they bound? */
  readonly consoles: Readonly<Record<string, boolean>>;
  /** States of units by their labels, and of services of another init system. */
  readonly units: Readonly<Record<string, string>>;
  /** Sessions without their ids, which are never given twice: user, type, class, seat, state. */
  readonly sessions: readonly string[];
  /** Files under /run/virt-aid, by path. */
  readonly files: Readonly<Record<string, string>>;
  /** What cannot be made good. */
  readonly harms: readonly string[];
}

/** Takes one. */
export function snapshot(host: SimulatedHost): Snapshot {
  const functions: Record<string, FunctionState> = {};
  for (const address of [...host.pci.functions.keys()].sort()) {
    const { driver = null, override, control, d3cold, nodes } = host.pci.at(address);
    functions[address] = {
      driver,
      override,
      control,
      d3cold,
      nodes: [...new Set(nodes?.made)].filter((path) => !/vfio|^\/sys\/dev\//.test(path)).sort(),
    };
  }
  const processes: Record<number, string> = {};
  for (const [pid, { spec }] of host.processes.all) if (spec.args?.length) processes[pid] = spec.comm;
  return {
    functions,
    modules: [...host.modules.all.values()].filter((module) => module.loaded).map((module) => module.name).sort(),
    processes,
    consoles: host.consoles.all,
    units: Object.fromEntries(
      [...host.systemd.units, ...host.services.all].map(([label, { state }]) => [label, state]),
    ),
    sessions: [...host.logind.sessions.values()].map((session) => {
      const { user, type, class: kind, seat = "no seat" } = session.spec;
      return `${user} ${type} ${kind} ${seat} ${host.logind.stateOf(session)}`;
    }).sort(),
    files: host.tree.texts("/run/virt-aid"),
    harms: [...host.harms],
  };
}

/** The functions alone: what has to be as before when a guest is gone. Modules that were loaded for it may stay. */
export function functionsOf(host: SimulatedHost): Snapshot["functions"] {
  return snapshot(host).functions;
}
