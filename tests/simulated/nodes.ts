/**
 * What a driver makes of a function: folders and links in sysfs, nodes in /dev.
 *
 * @module
 */

import { Link, Special } from "./tree.ts";
import type { Tree } from "./tree.ts";

/** Puts nodes of a function into the tree and remembers them, so that they go with the driver. */
export class Nodes {
  /** Paths that were made. */
  readonly made: string[] = [];
  /** Device nodes among them. */
  readonly devices: string[] = [];
  /** How much there was before {@linkcode extend}. */
  #own?: { readonly made: number; readonly devices: number };

  /**
   * Nodes of a function, none yet.
   *
   * @param tree Where.
   * @param folder The function's folder.
   * @param serial Counts bindings, for names that the kernel numbers.
   */
  constructor(readonly tree: Tree, readonly folder: string, readonly serial: number) {}

  /** A folder below the function, with attributes. */
  part(below: string, attributes: Readonly<Record<string, string>> = {}): string {
    const path = `${this.folder}/${below}`;
    this.tree.folder(path);
    this.made.push(`${this.folder}/${below.split("/")[0]}`);
    for (const [name, text] of Object.entries(attributes)) this.tree.file(`${path}/${name}`, text);
    return path;
  }

  /** The same, as a device of a class: with `device`, `subsystem` and the class's link to it. */
  classed(below: string, klass: string, device: string, attributes: Readonly<Record<string, string>> = {}): string {
    const path = this.part(below, attributes);
    const name = path.slice(path.lastIndexOf("/") + 1);
    this.tree.sysLink(`${path}/device`, device);
    this.tree.sysLink(`${path}/subsystem`, `/sys/class/${klass}`);
    this.link(`/sys/class/${klass}/${name}`, path);
    return path;
  }

  /** A link into the tree that goes with the driver. */
  link(path: string, target: string): void {
    this.tree.sysLink(path, target);
    this.made.push(path);
  }

  /** A node in /dev; gives the attributes that tell of it. */
  device(
    path: string,
    major: number,
    minor: number,
    type: "character" | "block" = "character",
  ): { dev: string; uevent: string } {
    this.tree.put(path, new Special(`${type} special file`, major, minor));
    this.made.push(path);
    this.devices.push(path);
    return {
      dev: `${major}:${minor}\n`,
      uevent: `MAJOR=${major}\nMINOR=${minor}\nDEVNAME=${path.slice("/dev/".length)}\n`,
    };
  }

  /** A block device: folder, node, and the links by name and by number. */
  block(below: string, device: string, minor: number): string {
    const name = below.slice(below.lastIndexOf("/") + 1);
    const node = this.device(`/dev/${name}`, 259, minor, "block");
    const path = this.classed(below, "block", device, { ...node, size: "1000215216\n" });
    this.link(`/sys/dev/block/259:${minor}`, path);
    return path;
  }

  /** Any link in /dev. */
  alias(path: string, text: string): void {
    this.tree.put(path, new Link(text));
    this.made.push(path);
  }

  /** Has more of them made, which may go before the others do. */
  extend(make: () => void): void {
    this.#own = { made: this.made.length, devices: this.devices.length };
    make();
  }

  /** Device nodes that were made so; undefined where there is no such part. */
  get extension(): readonly string[] | undefined {
    return this.#own && this.devices.slice(this.#own.devices);
  }

  /** Takes that part away. */
  cut(): void {
    if (!this.#own) return;
    this.#drop(this.#own.made);
    this.devices.length = this.#own.devices;
    this.#own = undefined;
  }

  /** Takes everything away. */
  drop(): void {
    this.#drop(0);
  }

  /** The last first: what is below something goes before it. */
  #drop(from: number): void {
    for (const path of this.made.splice(from).reverse()) this.tree.drop(path);
  }
}
