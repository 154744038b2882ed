/**
 * Modules of the kernel: loaded with what they need, unloaded when nothing uses them, each with its drivers.
 *
 * @module
 */

import { modalias } from "./attributes.ts";
import { card, DRIVERS, driverSpec, kindOf } from "./drivers.ts";
import { kernelError } from "./errno.ts";
import type { SimulatedHost } from "./host.ts";
import type { Machine, ModuleSpec } from "./machine.ts";
import { Special } from "./tree.ts";

/** Major number of the nodes that modules have of their own, NVIDIA's. */
const MAJOR = 195;

/** A module. */
interface Module extends Omit<ModuleSpec, "loaded"> {
  readonly needs: readonly string[];
  readonly builtin: boolean;
  /** Drivers of the PCI bus that it has. */
  readonly drivers: readonly string[];
  loaded: boolean;
}

/** All modules of a machine. */
export class Modules {
  /** By name, with underscores. */
  readonly all: Map<string, Module> = new Map();

  #minor = 255;

  /** Makes the table; nothing is loaded before {@linkcode boot}. */
  constructor(readonly host: SimulatedHost) {
    const { machine } = host;
    const names = new Set([
      ...Object.keys(DRIVERS),
      ...machine.functions.flatMap((fn) => [...fn.knownBy ?? [], fn.driver ?? []].flat()),
    ]);
    for (const driver of names) {
      const { module, needs = [] } = driverSpec(driver);
      if (module !== undefined) this.#add({ name: module, needs }, [driver]);
    }
    for (const spec of machine.modules ?? []) {
      const known = this.all.get(spec.name);
      this.#add({ needs: known?.needs, ...spec }, known?.drivers ?? []);
    }
    for (const module of [...this.all.values()]) {
      for (const need of module.needs) if (!this.all.has(need)) this.#add({ name: need }, []);
    }
    this.#files(machine);
  }

  #add(spec: ModuleSpec, drivers: readonly string[]): void {
    this.all.set(spec.name, {
      ...spec,
      needs: spec.needs ?? [],
      builtin: spec.builtin ?? false,
      drivers,
      loaded: false,
    });
  }

  /** Registers what is part of the kernel, loads what the machine has loaded. */
  boot(): void {
    for (const [name, { module }] of Object.entries(DRIVERS)) {
      if (module === undefined || this.all.get(module)?.builtin) this.host.pci.register(name);
    }
    for (const { name, loaded } of this.host.machine.modules ?? []) if (loaded) this.load(name);
    for (const { driver } of this.host.machine.functions) {
      const module = driver === undefined ? undefined : driverSpec(driver).module;
      if (module !== undefined) this.load(module);
    }
  }

  /** Loads a module and what it needs; one that is loaded or part of the kernel stays as it is. */
  load(name: string): void {
    const module = this.all.get(name)!;
    if (module.loaded || module.builtin) return;
    for (const need of module.needs) this.load(need);
    module.loaded = true;
    const { tree } = this.host;
    const path = `/sys/module/${name}`;
    tree.file(`${path}/refcnt`, () => `${this.used(name)}\n`, 0o444);
    tree.file(`${path}/initstate`, "live\n", 0o444);
    tree.folder(`${path}/holders`);
    tree.folder(`${path}/parameters`);
    for (const need of module.needs) {
      if (!this.all.get(need)!.builtin) tree.sysLink(`/sys/module/${need}/holders/${name}`, path);
    }
    for (const node of module.nodes ?? []) tree.put(node, new Special("character special file", MAJOR, this.#minor--));
    for (const driver of module.drivers) this.host.pci.register(driver);
    this.changed();
    const { functions } = this.host.pci;
    const has = (driver: string) => functions.size === 0 || [...functions.values()].some((fn) => fn.driver === driver);
    if (module.drivers.some((driver) => kindOf(driver) === "nvidia" && !has(driver))) {
      this.unload(name); // it says "None of the NVIDIA devices were initialized" (docs/vfio.md M9)
      throw kernelError("ENODEV");
    }
  }

  /** Unloads a module that nothing uses, and then what only it needed, as `modprobe -r` does. */
  unloadAll(name: string): void {
    this.unload(name);
    for (const need of this.all.get(name)!.needs) {
      if (this.all.get(need)!.loaded && this.used(need) === 0) this.unloadAll(need);
    }
  }

  /** Unloads a module that nothing uses. */
  unload(name: string): void {
    const module = this.all.get(name)!;
    for (const driver of module.drivers) this.host.pci.unregister(driver);
    module.loaded = false;
    this.changed();
    for (const path of [`/sys/module/${name}`, ...module.nodes ?? []]) this.host.tree.drop(path);
    for (const need of module.needs) this.host.tree.drop(`/sys/module/${need}/holders/${name}`);
  }

  /** Modules or drivers of functions have changed: a card is there while both are that it needs. */
  changed(): void {
    for (const module of this.all.values()) {
      for (const { driver, spec, nodes } of module.cardsOf ? this.host.pci.functions.values() : []) {
        if (driver !== module.cardsOf || !nodes || module.loaded === (nodes.extension !== undefined)) continue;
        if (module.loaded) nodes.extend(() => card(spec, nodes));
        else nodes.cut();
      }
    }
  }

  /** Its reference count: loaded modules that need it, and open nodes of its devices and of its own. */
  used(name: string): number {
    const holders = this.host.tree.folderAt(`/sys/module/${name}/holders`)?.children.size ?? 0;
    const { drivers, internal = 0, nodes = [], cardsOf } = this.all.get(name)!;
    let users = this.host.processes.users(nodes).length;
    for (const fn of this.host.pci.functions.values()) {
      if (fn.driver === undefined) continue;
      if (drivers.includes(fn.driver)) users += this.host.pci.users(fn).length;
      if (cardsOf === fn.driver) users += this.host.processes.users(fn.nodes?.extension ?? []).length;
    }
    return holders + internal + users;
  }

  /** The lists that modprobe and libvirt go by. */
  #files(machine: Machine): void {
    const { tree } = this.host;
    const folder = `/lib/modules/${this.host.kernel}`;
    const file = (name: string) => `kernel/drivers/${name.replaceAll("_", "-")}.ko`;
    const lines = (make: (module: Module) => string[]) =>
      [...this.all.values()].flatMap(make).map((line) => `${line}\n`).join("");
    tree.file(
      `${folder}/modules.dep`,
      () => lines((m) => m.builtin ? [] : [`${file(m.name)}: ${m.needs.map(file).join(" ")}`.trim()]),
    );
    tree.file(`${folder}/modules.builtin`, () => lines((m) => m.builtin ? [file(m.name)] : []));
    tree.file(
      `${folder}/modules.alias`,
      () =>
        machine.functions.flatMap((fn) =>
          (fn.knownBy ?? (fn.driver ? [fn.driver] : [])).map((driver) => {
            const alias = modalias(fn).replace(/sv.*?bc/, "sv*sd*bc");
            return `alias ${alias} ${driverSpec(driver).module ?? driver}\n`;
          })
        ).join(""),
    );
    tree.file(
      "/proc/modules",
      () => lines((m) => m.loaded ? [`${m.name} 16384 ${this.used(m.name)} - Live 0x0000000000000000`] : []),
    );
  }
}
