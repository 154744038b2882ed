/**
 * Control groups (cgroup v2): which process is in which, and the folders that show it. A group is there while a process
 * is in it or below it, and while a unit or session owns it.
 *
 * A second mount of sysfs does not have them: they are a file system of their own, mounted on a folder of the first
 * one.
 *
 * @module
 */

import type { SimulatedHost } from "./host.ts";
import type { SimulatedProcess } from "./processes.ts";

const FOLDER = "/sys/fs/cgroup";

/** Is a group this one, or below it? */
function within(path: string, above: string): boolean {
  return path === above || path.startsWith(above === "/" ? "/" : `${above}/`);
}

/** A group and those above it, itself first. */
function upwards(path: string): string[] {
  const found = [path];
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) found.push(path.slice(0, at));
  return path === "/" ? found : [...found, "/"];
}

/** All groups. */
export class Cgroups {
  /** How many processes are right in each. */
  readonly #count = new Map<string, number>();
  readonly #owned = new Set<string>();
  /** What is told when a group has run empty. */
  readonly #waiting = new Map<string, (() => void)[]>();

  /** No group yet. */
  constructor(readonly host: SimulatedHost) {}

  /** Processes in a group and below it. */
  processes(path: string): SimulatedProcess[] {
    return [...this.host.processes.all.values()].filter(({ cgroup }) => within(cgroup, path));
  }

  /** A process begins in a group. */
  enter(path: string): void {
    this.#count.set(path, (this.#count.get(path) ?? 0) + 1);
    this.#show(path);
  }

  /** A process of a group has ended. */
  leave(path: string): void {
    this.#count.set(path, this.#count.get(path)! - 1);
    this.#show(path);
    for (const above of upwards(path)) {
      if (this.#populated(above)) return;
      const told = this.#waiting.get(above) ?? [];
      this.#waiting.delete(above);
      for (const tell of told) tell();
    }
  }

  /** A unit or session has a group from now on, or no longer. */
  own(path: string, has: boolean): void {
    if (has) this.#owned.add(path);
    else this.#owned.delete(path);
    this.#show(path);
  }

  /** Has something told when nothing is left in a group or below it. */
  whenEmpty(path: string, tell: () => void): void {
    if (!this.#populated(path)) tell();
    else this.#waiting.set(path, [...this.#waiting.get(path) ?? [], tell]);
  }

  #populated(path: string): boolean {
    return [...this.#count].some(([other, count]) => count > 0 && within(other, path));
  }

  /** Makes the folders of a group and of those above it, or takes away those that nothing keeps. */
  #show(path: string): void {
    const { tree } = this.host;
    for (const group of upwards(path)) {
      const folder = group === "/" ? FOLDER : `${FOLDER}${group}`;
      const kept = this.#populated(group) || [...this.#owned].some((owned) => within(owned, group));
      if (!kept) tree.drop(folder);
      else if (tree.find(`${folder}/cgroup.procs`)) return;
      else this.#publish(group, folder);
    }
  }

  #publish(group: string, folder: string): void {
    const right = () => [...this.host.processes.all.values()].filter(({ cgroup }) => cgroup === group);
    const { tree } = this.host;
    tree.file(`${folder}/cgroup.procs`, () => right().map(({ pid }) => `${pid}\n`).join(""), 0o444);
    if (group === "/") return;
    tree.file(`${folder}/cgroup.events`, () => `populated ${this.#populated(group) ? 1 : 0}\nfrozen 0\n`, 0o444);
  }
}
