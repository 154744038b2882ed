/**
 * A whole Linux machine in memory that reacts. The product's programs run on it unchanged: they are given a
 * `SimulatedSystem` (tests/simulated/process.ts) where the real ones have the real system.
 *
 * @module
 */

import { Cgroups } from "./cgroups.ts";
import { Clock } from "./clock.ts";
import { type CommandFunction, commandsOf } from "./commands/mod.ts";
import { Consoles } from "./consoles.ts";
import { OPERATIONS, SLOW, START } from "./costs.ts";
import { kindOf } from "./drivers.ts";
import { arm, type ArmedFault, type Fault } from "./faults.ts";
import { Firmware } from "./firmware.ts";
import { INIT_SYSTEMS, type InitSystem } from "./init-systems.ts";
import { Locks } from "./locks.ts";
import { Logind } from "./logind.ts";
import type { Machine } from "./machine.ts";
import { Modules } from "./modules.ts";
import { PciBus } from "./pci.ts";
import type { PciFunction } from "./pci-function.ts";
import { SimulatedSystem } from "./process.ts";
import { Processes } from "./processes.ts";
import type { Main, Start } from "./program.ts";
import { Services } from "./services.ts";
import { publishSystem } from "./system-files.ts";
import { Systemd } from "./systemd.ts";
import { Special, Tree } from "./tree.ts";
import { Usb } from "./usb.ts";

/** Something that the host was asked to do, where a fault can strike. */
export interface Operation {
  /**
   * `bind`, `unbind`, `override`, `power`, `reset`, `remove`, `rescan`, `modprobe`, `rmmod`, `console`, `firmware`,
   * `systemctl`, `service`, `loginctl`, `save`, `append`, `qemu`.
   */
  readonly kind: string;
  /** What it is done to: an address, a module, a path. */
  readonly subject: string;
  /** The driver that is concerned. */
  readonly driver?: string;
  /** Who asked; 0 is the kernel itself. */
  readonly pid: number;
  /** Path of that program. */
  readonly program: string;
}

/** A machine that is up. */
export class SimulatedHost {
  /** Files. */
  readonly tree: Tree = new Tree();
  /** Time. */
  readonly clock: Clock = new Clock();
  /** Release of the kernel. */
  readonly kernel = "6.12.30";
  /** Locks on files. */
  readonly locks: Locks = new Locks();
  /** Control groups. */
  readonly cgroups: Cgroups = new Cgroups(this);
  /** Processes. */
  readonly processes: Processes;
  /** USB devices. */
  readonly usb: Usb;
  /** PCI bus. */
  readonly pci: PciBus;
  /** Modules. */
  readonly modules: Modules;
  /** Pictures of the firmware. */
  readonly firmware: Firmware;
  /** Text consoles. */
  readonly consoles: Consoles;
  /** What its init system has of its own. */
  readonly init: InitSystem;
  /** Units; none where another init system runs. */
  readonly systemd: Systemd;
  /** Services of another init system. */
  readonly services: Services;
  /** Sessions. */
  readonly logind: Logind;
  /** Programs of the system by their paths; a test may take one away, or put its own there. */
  readonly commands: Map<string, CommandFunction>;
  /** Our own programs by their paths; see {@linkcode install}. */
  readonly programs: Map<string, Main> = new Map();
  /** Second mounts that were made: `sysfs`, `proc`. Without one, its files cannot be seen. */
  readonly mounted: Set<string> = new Set();
  /** All that was done, in order. */
  readonly operations: Operation[] = [];
  /** What cannot be made good any more; a test wants none. */
  readonly harms: string[] = [];
  /** What the host had to do without for a time, because the user wanted that: its route, its last keyboard. */
  readonly losses: string[] = [];
  /** XML of running guests by their names, for `virsh dumpxml`. */
  readonly guests: Map<string, string> = new Map();
  /** Process whose call the host is in. */
  caller = 0;
  #faults: ArmedFault[] = [];

  /**
   * Boots a machine.
   *
   * @param machine What it is made of.
   * @param faults What will go wrong.
   */
  constructor(readonly machine: Machine, faults: readonly Fault[] = []) {
    this.init = INIT_SYSTEMS[machine.init ?? "systemd"];
    this.commands = commandsOf(machine, this.init.commands);
    this.processes = new Processes(this);
    this.usb = new Usb(this);
    this.pci = new PciBus(this);
    this.modules = new Modules(this);
    this.firmware = new Firmware(this);
    this.consoles = new Consoles(this);
    publishSystem(this);
    for (const spec of machine.functions) {
      const fn = this.pci.add(spec);
      if (spec.override !== undefined) fn.override = spec.override;
    }
    this.firmware.boot();
    this.modules.boot();
    for (const spec of machine.processes ?? []) this.processes.spawn(spec);
    this.clock.now = 0;
    this.systemd = new Systemd(this);
    this.services = new Services(this);
    this.logind = new Logind(this);
    this.systemd.boot();
    this.services.boot();
    this.logind.boot();
    this.operations.length = 0;
    this.#faults = faults.map(arm);
  }

  /** Adds a fault to those that will strike. */
  fault(fault: Fault): ArmedFault {
    const armed = arm(fault);
    this.#faults.push(armed);
    return armed;
  }

  /** Takes all faults back. */
  heal(): void {
    this.#faults = [];
  }

  /**
   * Does something, or lets a fault have its way with it.
   *
   * @param act What is done; it may throw what the kernel answers.
   */
  operate(kind: string, subject: string, driver: string | undefined, act: () => void): void {
    const operation: Operation = {
      kind,
      subject,
      driver,
      pid: this.caller,
      program: this.processes.all.get(this.caller)?.spec.args?.[0] ?? "",
    };
    this.operations.push(operation);
    this.clock.advance((kind === "unbind" && driver && SLOW[kindOf(driver)]) || (OPERATIONS[kind] ?? 0));
    let run = act;
    for (const armed of this.#faults) {
      if (!armed.strikes(operation)) continue;
      const inner = run;
      run = () => armed.react(inner, this, operation);
    }
    run();
  }

  /** Runs something in the name of a process. */
  as<T>(pid: number, body: () => T): T {
    const before = this.caller;
    this.caller = pid;
    try {
      return body();
    } finally {
      this.caller = before;
    }
  }

  /** The host begins to go down; what runs goes on for a while. */
  shutDown(): void {
    this.init.shutDown(this);
  }

  /** Has something happen later: a process that exits, a device that comes. */
  after(ms: number, happen: () => void): void {
    this.clock.after(ms, happen);
  }

  /** Puts programs of ours in place, as files that belong to root. */
  install(programs: Readonly<Record<string, Main>>): void {
    for (const [path, main] of Object.entries(programs)) {
      this.programs.set(path, main);
      this.tree.file(path, "", 0o755);
    }
  }

  /** Starts a program of ours as a process. */
  start(main: Main, start: Start): SimulatedSystem {
    const system = new SimulatedSystem(this, start);
    const ready = this.clock.wait<void>(system, (done) => this.clock.after(START, done));
    system.follow(ready.then(() => main(system, start.args ?? [])));
    return system;
  }

  /** Notes what cannot be made good any more. */
  harm(what: string): void {
    this.harms.push(what);
  }

  /** A node in /dev. */
  device(path: string, major: number, minor: number): void {
    this.tree.put(path, new Special("character special file", major, minor, 0o666));
  }

  /** A function has got a driver, or lost it: what depends on that follows. */
  changed(fn: PciFunction): void {
    this.usb.changed(fn);
    this.modules.changed();
    this.firmware.changed();
    this.consoles.changed();
  }

  /** What the host loses with a function that leaves its driver. */
  lost(fn: PciFunction): void {
    this.consoles.lost(fn);
    const { blocks = [], net } = fn.spec;
    for (const [source, folder] of this.machine.mounts ?? []) {
      const name = source.replace("/dev/", "");
      if (blocks.some((block) => block.name === name || block.partitions?.includes(name))) {
        this.harm(`${folder} was on ${fn.address}`);
      }
    }
    const { routes = [] } = this.machine;
    const others = routes.filter((route) => route !== net && this.tree.find(`/sys/class/net/${route}`) !== undefined);
    if (routes.includes(net ?? "") && others.length === 0) this.losses.push(`last default route through ${fn.address}`);
    const keyboards = this.usb.present().filter((spec) => spec.inputs?.includes("keyboard"));
    if (keyboards.length > 0 && keyboards.every((spec) => spec.controller === fn.address)) {
      this.losses.push(`last keyboard on ${fn.address}`);
    }
  }
}
