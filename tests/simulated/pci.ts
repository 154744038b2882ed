/**
 * The PCI bus: functions and drivers, and how they come together and part (drivers/base/dd.c, drivers/pci/pci-driver.c,
 * drivers/pci/pci-sysfs.c). The files that lead here are in tests/simulated/pci-files.ts.
 *
 * @module
 */

import { type DriverSpec, driverSpec, kindOf, KINDS } from "./drivers.ts";
import { Hung, kernelError } from "./errno.ts";
import type { SimulatedHost } from "./host.ts";
import type { FunctionSpec } from "./machine.ts";
import { Nodes } from "./nodes.ts";
import * as files from "./pci-files.ts";
import { PciFunction } from "./pci-function.ts";

/** The bus. */
export class PciBus {
  /** Functions that are there, by address. */
  readonly functions: Map<string, PciFunction> = new Map();
  /** Functions that were removed and that a rescan finds again. */
  readonly gone: Map<string, FunctionSpec> = new Map();
  /** Drivers that are registered, with the ids that were added to them (`10de 2684`). */
  readonly drivers: Map<string, { readonly spec: DriverSpec; readonly ids: Set<string> }> = new Map();
  #serial = 0;

  /** Makes an empty bus. */
  constructor(readonly host: SimulatedHost) {
    files.publishBus(this);
  }

  /** A function; there has to be one. */
  at(address: string): PciFunction {
    const fn = this.functions.get(address);
    if (!fn) throw new Error(`the machine has no function ${address}`);
    return fn;
  }

  /** Functions right below a bridge. */
  belowOf(bridge: string | undefined): PciFunction[] {
    return [...this.functions.values()].filter((fn) => fn.spec.above === bridge);
  }

  /** Virtual functions that are there. */
  vfsOf(fn: PciFunction): PciFunction[] {
    return fn.vfs.length === 0 ? [] : [...this.functions.values()].filter((vf) => vf.spec.physfn === fn.address);
  }

  /** Waits for the lock of a function. */
  locked(fn: PciFunction): void {
    if (fn.stuck) throw new Hung(`the lock of ${fn.address}`, () => !fn.stuck);
  }

  /** Who has it open: processes that hold a node of its driver, or have it from vfio. */
  users(fn: PciFunction): number[] {
    return this.host.processes.users([...fn.nodes?.devices ?? [], `vfio ${fn.address}`]);
  }

  /** `enable`: a driver of the host switches it on once, vfio-pci when it is opened. */
  enabled(fn: PciFunction): number {
    if (fn.driver === undefined) return fn.leftOn;
    return fn.leftOn + (kindOf(fn.driver) === "vfio" ? Math.min(1, this.users(fn).length) : 1);
  }

  /** Puts a function on the bus, without a driver. */
  add(spec: FunctionSpec): PciFunction {
    const vfs = this.host.machine.functions.filter((other) => other.physfn === spec.address);
    const fn = new PciFunction(spec, files.pathOf(this, spec.address, spec.above), vfs);
    this.functions.set(fn.address, fn);
    this.gone.delete(fn.address);
    files.publishFunction(this, fn);
    return fn;
  }

  /** Registers a driver, and offers it every function that has none. */
  register(name: string): void {
    if (this.drivers.has(name)) return;
    const spec = driverSpec(name);
    this.drivers.set(name, { spec, ids: new Set() });
    files.publishDriver(this, name, spec.module);
    this.offerAll(name);
  }

  /** Takes a driver away, from its functions too. */
  unregister(name: string): void {
    for (const fn of this.functions.values()) {
      if (fn.driver === name) this.unbind(fn);
      if (fn.driver === name) throw kernelError("EBUSY");
    }
    this.drivers.delete(name);
    this.host.tree.drop(`/sys/bus/pci/drivers/${name}`);
  }

  /** Offers a driver every function that has none. */
  offerAll(name: string): void {
    for (const fn of this.functions.values()) {
      if (fn.driver === undefined && this.matches(fn, name)) this.#offer(fn, name);
    }
  }

  /** Would the driver take the function? */
  matches(fn: PciFunction, name: string): boolean {
    if (fn.override !== null) return fn.override === name;
    const id = `${Number(fn.spec.vendor).toString(16)} ${Number(fn.spec.device).toString(16)}`;
    if (this.drivers.get(name)?.ids.has(id)) return true;
    // vfio's tables hold for functions that are overridden alone (PCI_ID_F_VFIO_DRIVER_OVERRIDE).
    return kindOf(name) !== "vfio" && (fn.spec.knownBy ?? [fn.spec.driver]).includes(name);
  }

  /** Looks for a driver; one that refuses leaves the function to the next. */
  probe(fn: PciFunction): void {
    this.locked(fn);
    const names = fn.override === null ? [...fn.spec.knownBy ?? [], ...this.drivers.keys()] : [fn.override];
    for (const name of new Set(names)) {
      if (fn.driver !== undefined) return;
      if (this.drivers.has(name) && this.matches(fn, name)) this.#offer(fn, name);
    }
  }

  /** Offers a function to a driver; that it refuses is nobody's error (really_probe() in drivers/base/dd.c). */
  #offer(fn: PciFunction, name: string): void {
    try {
      this.bind(fn, name);
    } catch (error) {
      if (error instanceof Hung) throw error;
    }
  }

  /** A driver takes the function, or throws why not. */
  bind(fn: PciFunction, name: string): void {
    this.locked(fn);
    this.host.operate("bind", fn.address, name, () => {
      if (fn.driver !== undefined || !this.functions.has(fn.address) || !fn.answers) throw kernelError("ENODEV");
      const { kind } = driverSpec(name);
      if (kind === "vfio" && (fn.spec.group === undefined || !this.host.machine.iommu)) throw kernelError("EINVAL");
      fn.driver = name;
      if (kind === "vfio") fn.control = "auto"; // pm_runtime_allow() in vfio_pci_core_register_device()
      this.host.firmware.giveWay(fn, kind);
      fn.nodes = new Nodes(this.host.tree, fn.path, this.#serial++);
      KINDS[kind].nodes?.(fn.spec, fn.nodes);
      files.publishBinding(this, fn, name);
      this.#changed(fn);
    });
  }

  /** The function leaves its driver. A driver whose nodes are open waits until they are closed, and keeps the lock. */
  unbind(fn: PciFunction): void {
    this.locked(fn);
    const { driver } = fn;
    if (driver === undefined) return;
    this.host.operate("unbind", fn.address, driver, () => {
      if (KINDS[kindOf(driver)].waits && this.users(fn).length > 0) {
        this.hang(fn, `users of ${fn.address}`, () => this.users(fn).length === 0, () => this.#leave(fn));
      }
      this.#leave(fn);
    });
  }

  /** A call on a function that does not return until `over`; until then it keeps the function's lock. */
  hang(fn: PciFunction, what: string, over?: () => boolean, act: () => void = () => {}): never {
    fn.stuck = true;
    throw new Hung(what, over, () => {
      fn.stuck = false;
      act();
    });
  }

  /** Parts a function from its driver. */
  #leave(fn: PciFunction): void {
    const { driver } = fn;
    if (driver === undefined) return;
    for (const vf of this.vfsOf(fn)) this.remove(vf);
    fn.resetCount = 0;
    if (driverSpec(driver).staysOn) fn.leftOn++;
    if (kindOf(driver) === "vfio") fn.control = "on"; // pm_runtime_forbid() in vfio_pci_core_unregister_device()
    else this.host.lost(fn);
    fn.driver = undefined;
    fn.nodes?.drop();
    fn.nodes = undefined;
    files.unpublishBinding(this, fn, driver);
    this.#changed(fn);
  }

  /** What depends on the driver of a function. */
  #changed(fn: PciFunction): void {
    this.host.changed(fn);
    const { group } = fn.spec;
    if (group === undefined || !this.host.machine.iommu) return;
    const members = [...this.functions.values()].filter((other) => other.spec.group === group);
    files.publishGroup(this, group, members.some(({ driver }) => driver !== undefined && kindOf(driver) === "vfio"));
  }

  /** `driver_override`. */
  setOverride(fn: PciFunction, text: string): void {
    this.locked(fn);
    const name = text.endsWith("\n") ? text.slice(0, -1) : text;
    if (name.includes("\n") || name.length >= 4095) throw kernelError("EINVAL");
    this.host.operate("override", fn.address, name, () => fn.override = name === "" ? null : name);
  }

  /** `reset`. */
  reset(fn: PciFunction): void {
    this.locked(fn);
    this.host.operate("reset", fn.address, fn.driver, () => {
      fn.resetCount++;
      if (fn.driver && kindOf(fn.driver) !== "vfio") this.host.harm(`${fn.address} was reset under ${fn.driver}`);
    });
  }

  /** `remove`: the function goes, and what is below it. */
  remove(fn: PciFunction): void {
    this.locked(fn);
    this.host.operate("remove", fn.address, fn.driver, () => {
      for (const below of [...this.belowOf(fn.address), ...this.vfsOf(fn)]) this.remove(below);
      this.unbind(fn);
      this.drop(fn);
    });
  }

  /** Takes a function off the bus, whatever its driver says: it was pulled out, or `remove` is done with it. */
  drop(fn: PciFunction): void {
    this.#leave(fn);
    this.functions.delete(fn.address);
    if (fn.spec.physfn === undefined) this.gone.set(fn.address, fn.spec);
    files.unpublishFunction(this, fn);
    this.host.changed(fn);
  }

  /** `rescan`: what was removed below a bridge comes back, with no override. */
  rescan(above: string | undefined): void {
    for (const fn of this.belowOf(above)) this.locked(fn);
    this.host.operate("rescan", above ?? "root", undefined, () => {
      for (const spec of [...this.gone.values()]) {
        if (spec.above !== above) continue;
        const fn = this.add(spec);
        fn.rescanned = true;
        this.probe(fn);
        if (fn.bridge) this.rescan(fn.address);
      }
    });
  }

  /** `sriov_numvfs`. */
  setVfs(fn: PciFunction, count: number): void {
    if (count > fn.vfs.length) throw kernelError("ERANGE");
    const now = this.vfsOf(fn);
    if (count > 0 && now.length > 0) throw kernelError("EBUSY");
    for (const vf of count === 0 ? now : []) this.remove(vf);
    for (const spec of fn.vfs.slice(0, count)) this.probe(this.add(spec));
  }
}
