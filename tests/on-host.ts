/**
 * What tests of single files of lib/ share: a simulated host, a process on it, and facts that are read from it.
 *
 * @module
 */

import { type Config, configFor, DEFAULT_CONFIG } from "../lib/config.ts";
import { parseDomain } from "../lib/domain.ts";
import { readHost } from "../lib/host/mod.ts";
import { type Entry, type Journal, JOURNALS, saveJournal } from "../lib/journal.ts";
import { leaveOf } from "../lib/leave.ts";
import { questionFor } from "../lib/plan.ts";
import type { Facts } from "../lib/preflight/finding.ts";
import { targetsOf } from "../lib/preflight/targets.ts";
import { type GuestSpec, guestXml, uuidOf } from "./simulated/guests.ts";
import { SimulatedHost } from "./simulated/host.ts";
import type { Fault } from "./simulated/faults.ts";
import type { Machine } from "./simulated/machine.ts";
import { workstation } from "./simulated/machines.ts";
import type { SimulatedSystem } from "./simulated/process.ts";

/** Functions of the workstation. */
export const GPU = "0000:01:00.0";
/** The GPU's sound. */
export const SOUND = "0000:01:00.1";
/** A network card that nothing goes through. */
export const NIC = "0000:02:00.0";

/** A host with the second sysfs and proc mounted, and the folder of the journals in place. */
export function hostOf(machine: Machine = workstation, faults: readonly Fault[] = []): SimulatedHost {
  const host = new SimulatedHost(machine, faults);
  host.mounted.add("sysfs").add("proc");
  host.tree.folder(JOURNALS, 0o700);
  return host;
}

/** Runs something as one of our programs; gives what it gives, throws what it throws, or that it sits in the kernel. */
export async function on<T>(host: SimulatedHost, body: (system: SimulatedSystem) => T | Promise<T>): Promise<T> {
  const found = Promise.withResolvers<T>();
  const system: SimulatedSystem = host.start(async () => {
    await Promise.resolve().then(() => body(system)).then(found.resolve, found.reject);
    return 0;
  }, { program: "/etc/libvirt/hooks/virt-aid/test" });
  const ended = system.ended.then(({ ended }) => {
    if (ended !== "exit") throw new Error(ended);
    return found.promise;
  });
  return await Promise.race([found.promise, ended]);
}

/** What checks of a start go by, read from a machine. */
export async function factsOf(
  guest: Omit<GuestSpec, "name">,
  machine: Machine = workstation,
  config: Config = DEFAULT_CONFIG,
  change: (host: SimulatedHost) => void = () => {},
): Promise<Facts> {
  const simulated = hostOf(machine);
  change(simulated);
  const domain = parseDomain(guestXml({ name: "win11", ...guest }));
  const host = await on(simulated, (system) => readHost(system, questionFor(domain, config)));
  const targets = targetsOf(domain, host);
  const policy = configFor(config, domain.name);
  return { domain, host, targets, leave: leaveOf({ host, targets, ...policy }), ...policy };
}

/** A journal of a guest. */
export function journalOf(name: string, entries: readonly Entry[] = [], more: Partial<Journal> = {}): Journal {
  const guest = { name, uuid: uuidOf(name) };
  return { version: 1, guest, began: "2026-01-02T03:04:05.000Z", state: "applying", claims: [], entries, ...more };
}

/** Puts journals in place. */
export function withJournals(host: SimulatedHost, ...journals: readonly Journal[]): Promise<void> {
  return on(host, (system) => journals.forEach((journal) => saveJournal(system, journal)));
}
