/**
 * Who holds a function: which processes have one of its device nodes open. Unbinding under such a process can wait inside
 * the kernel without an end (docs/vfio.md F5, F12), so it is looked at before anything is touched.
 *
 * @module
 */

import { basename } from "@std/path/posix";
import type { System } from "../system.ts";
import { GPU_DRIVERS } from "./gpu-drivers.ts";
import { type CardUse, cardUse, openFiles, openFilesByLs } from "./open-files.ts";
import { type Owner, ownerOf } from "./owners.ts";
import { attribute, driverOf, functionsOn, isDisplay, PCI } from "./pci.ts";
import { nameOf, pids, startOf, userIdOf, userNames } from "./processes.ts";

/** A process that holds a function. */
export interface Holder {
  /** The function. */
  readonly address: string;
  /** Process id. */
  readonly pid: number;
  /** Name of its program, as the kernel has it. */
  readonly name: string;
  /** Name of its user, or the number where it has none. */
  readonly user: string;
  /** The node that it has open, `/dev/dri/card1`; undefined where its descriptors could not be read. */
  readonly node?: string;
  /** Its start time, in clock ticks since boot. */
  readonly start: string;
  /** What the process belongs to. */
  readonly owner: Owner;
}

/**
 * Folders below a function whose drivers wait for their users when they are unbound. Network, PTP and USB devices are not
 * among them: their drivers let go of users that are still there.
 */
const CLASSES = /^(drm|sound|graphics|nvme|accel|i2c-\d+|i2c-dev|vfio-dev)$/;

/** Nodes in those folders that belong to other drivers, which let go: the sensors of a sound card's sockets. */
const OTHERS = /^input\//;

/** How deep such folders lie below a function: drm/card1/card1-DP-1/i2c-7/i2c-dev/i2c-7. */
const DEPTH = 6;

/** Nodes under a folder, by the DEVNAME that the kernel gave them. */
function nodesBelow(system: System, folder: string, depth: number): string[] {
  const uevent = system.read(`${folder}/uevent`) ?? "";
  const name = /^DEVNAME=(.+)$/m.exec(uevent)?.[1];
  const own = name === undefined || OTHERS.test(name) ? [] : [`/dev/${name}`];
  if (depth === 0) return own;
  const below = system.list(folder).filter((child) => system.info(`${folder}/${child}`)?.kind === "folder");
  return [...own, ...below.flatMap((child) => nodesBelow(system, `${folder}/${child}`, depth - 1))];
}

/** NVIDIA's driver makes its nodes itself; which one is the card's stands in its own file (docs/vfio.md 4.5). */
function nvidiaNodes(system: System, address: string): string[] {
  const text = system.read(`/proc/driver/nvidia/gpus/${address}/information`) ?? "";
  const minor = /Device Minor:\s*(\d+)/.exec(text)?.[1];
  return minor === undefined ? [] : [`/dev/nvidia${minor}`];
}

/** A function that is with vfio is held through the node of its group. */
function groupNodes(system: System, address: string): string[] {
  const link = system.link(`${PCI}/${address}/iommu_group`);
  return link === undefined ? [] : [`/dev/vfio/${basename(link)}`];
}

/** The device nodes of a function's driver. Where it has none nobody can keep that driver from letting go. */
export function driverNodes(system: System, address: string): string[] {
  const folder = `${PCI}/${address}`;
  return [
    ...system.list(folder).filter((name) => CLASSES.test(name))
      .flatMap((name) => nodesBelow(system, `${folder}/${name}`, DEPTH)),
    ...nvidiaNodes(system, address),
  ];
}

/** All device nodes of a function. */
export function nodesOf(system: System, address: string): string[] {
  return [...driverNodes(system, address), ...groupNodes(system, address)];
}

/** Has a holder that was found let go? A cheap look, for waits. */
export function letGo(system: System, { pid, node }: Holder): boolean {
  return node !== undefined && ![...openFiles(system, `${pid}`)?.values() ?? [node]].includes(node);
}

/** One line about a holder, for people. */
export function heldBy({ address, name, pid, user, node }: Holder): string {
  return node === undefined
    ? `${address} may be held by ${name} (pid ${pid}, user ${user}), which cannot be looked into`
    : `${address} is held by ${name} (pid ${pid}, user ${user}) through ${node}`;
}

/** Nodes that all cards of a function's driver share, where it is the only one: whoever has them open uses this card. */
function sharedNodes(system: System, address: string): RegExp | undefined {
  const driver = driverOf(system, address);
  return driver !== undefined && functionsOn(system, driver).length === 1 ? GPU_DRIVERS[driver]?.shared : undefined;
}

/** Says which function a node belongs to. Functions of one group share a node: the first stands for all. */
function nodeOwners(
  system: System,
  addresses: readonly string[],
): { size: number; of(node: string): string | undefined } {
  const owners = new Map<string, string>();
  for (const address of addresses) {
    for (const node of nodesOf(system, address)) if (!owners.has(node)) owners.set(node, address);
  }
  const shared = addresses.flatMap((address) => {
    const nodes = sharedNodes(system, address);
    return nodes ? [{ address, nodes }] : [];
  });
  return {
    size: owners.size,
    of: (node) => owners.get(node) ?? shared.find(({ nodes }) => nodes.test(node))?.address,
  };
}

/** How functions are used that are no cards. */
const NO_CARDS: CardUse = { mapped: new Map(), cards: new Map() };

/**
 * Finds the processes that hold functions. A process that cannot be looked into counts as a holder of all of them.
 *
 * @param addresses The functions.
 * @returns In the order of process ids, each process once for each node.
 * @throws {AidError} If the uses of cards cannot be looked at.
 */
export async function holdersOf(system: System, addresses: readonly string[]): Promise<Holder[]> {
  const owners = nodeOwners(system, addresses);
  if (owners.size === 0) return [];
  const all = pids(system).sort((a, b) => Number(a) - Number(b));
  const seen = new Map(all.map((pid) => [pid, openFiles(system, pid)]));
  const closed = await openFilesByLs(system, all.filter((pid) => seen.get(pid) === undefined));
  const open = new Map([...seen, ...closed]);
  const screens = addresses.some((address) => isDisplay({ class: attribute(system, address, "class") ?? "" }));
  const { mapped, cards } = screens ? await cardUse(system, open) : NO_CARDS;
  const names = userNames(system);
  const holder = (pid: string, address: string, node?: string): Holder => {
    const uid = String(userIdOf(system, pid) ?? "?");
    return {
      address,
      pid: Number(pid),
      name: nameOf(system, pid) ?? "?",
      user: names.get(uid) ?? uid,
      node,
      start: startOf(system, Number(pid)) ?? "",
      owner: ownerOf(system, Number(pid)),
    };
  };
  return all.flatMap((pid) => {
    const files = open.get(pid);
    if (files === undefined) return addresses.map((address) => holder(pid, address));
    return [...new Set([...files.values(), ...mapped.get(pid) ?? []])].flatMap((node) => {
      const address = cards.get(`${pid} ${node}`) ?? owners.of(node);
      return address !== undefined && addresses.includes(address) ? [holder(pid, address, node)] : [];
    });
  });
}
