/**
 * Processes of the simulated host, and what /proc says about them.
 *
 * @module
 */

import type { Hung } from "./errno.ts";
import type { SimulatedHost } from "./host.ts";
import type { ProcessSpec } from "./machine.ts";
import { descriptorInfo, publishProcess } from "./proc-files.ts";
import { behaviour, type Signal, SIGNALS } from "./roles.ts";
import { Link } from "./tree.ts";

/** Daemons that nobody may signal: the whole host hangs on them. */
const VITAL: readonly string[] = ["systemd-udevd", "udevd", "systemd-logind", "elogind-daemon", "runsvdir"];

/** A process. */
export class SimulatedProcess {
  /** The call of the kernel that it sits in, if that does not return. */
  hung?: Hung;
  /** Goes on when that call returns; where there is none, nothing does: the thread that made it was given up. */
  resume?: () => void;
  /** It was sent KILL. */
  killed = false;
  /** It was told to end, and ends when all that it has started has ended. */
  told = false;
  /** It is no more. */
  gone = false;
  /** Its session in the sense of the kernel: the process that leads it. */
  readonly session: number;
  /** Its controlling terminal, while it has one. */
  tty: string | undefined;
  /** Open files by their number: the path, and under which name users of that thing are counted. */
  readonly files: Map<number, { readonly path: string; readonly key: string }> = new Map();
  /** What is told when it ends; `code` is 128 + 9 where it was killed. */
  readonly onEnd: ((code: number) => void)[] = [];
  /** Called when it is killed, before it ends. */
  onKill: () => void = () => {};

  /**
   * A process; the table of them is below.
   *
   * @param pid Its id.
   * @param above Its parent; just its id, where that is not there.
   * @param spec What it is.
   * @param cgroup Its control group.
   * @param started When it was started, in clock ticks.
   */
  constructor(
    readonly pid: number,
    above: SimulatedProcess | number,
    readonly spec: ProcessSpec,
    readonly cgroup: string,
    readonly started: number,
  ) {
    const parent = typeof above === "number" ? undefined : above;
    this.parent = parent?.pid ?? above as number;
    const leads = spec.tty !== undefined || parent === undefined || parent.pid === 1;
    this.session = leads ? pid : parent.session;
    this.tty = leads ? spec.tty ?? undefined : parent.tty;
  }

  /** Its parent's id. */
  parent: number;

  /** State letter of /proc/PID/stat. */
  get state(): "S" | "D" | "Z" {
    return this.hung === undefined ? "S" : this.killed ? "Z" : "D";
  }
}

/** All processes. */
export class Processes {
  /** By id. */
  readonly all: Map<number, SimulatedProcess> = new Map();
  readonly #users = new Map<string, Set<SimulatedProcess>>();
  readonly #hung = new Set<SimulatedProcess>();
  #next = 1000;

  /** Makes an empty table. */
  constructor(readonly host: SimulatedHost) {
    host.tree.put("/proc/self", new Link(() => String(host.caller)));
  }

  /** Starts a process. */
  spawn(spec: ProcessSpec): SimulatedProcess {
    const pid = spec.pid ?? this.#next++;
    const parent = spec.parent ?? (pid === 1 ? 0 : 1);
    const process = new SimulatedProcess(
      pid,
      this.all.get(parent) ?? parent,
      spec,
      spec.cgroup ?? this.host.init.cgroup(),
      1000 + Math.floor(this.host.clock.now / 10),
    );
    this.all.set(pid, process);
    publishProcess(this.host, process);
    this.host.cgroups.enter(process.cgroup);
    for (const path of spec.open ?? []) this.open(process, path);
    for (const path of spec.maps ?? []) this.#use(process, path);
    if (spec.confined) {
      const hook = () => this.all.get(this.host.caller)?.spec.args?.[0]?.startsWith("/etc/libvirt/hooks/") ?? false;
      this.host.tree.closed.set(`/proc/${pid}/fd`, () => spec.confined === "wholly" || hook());
    }
    return process;
  }

  /** Opens a file in a process. */
  open(process: SimulatedProcess, path: string, key = path): void {
    const fd = Math.max(2, ...process.files.keys()) + 1;
    process.files.set(fd, { path, key });
    this.host.tree.folder(`/proc/${process.pid}/fd`).children.set(String(fd), new Link(path));
    this.host.tree.folder(`/proc/${process.pid}/fdinfo`).children.set(String(fd), descriptorInfo(this.host, key));
    this.#use(process, key);
  }

  #use(process: SimulatedProcess, key: string): void {
    const users = this.#users.get(key) ?? new Set();
    this.#users.set(key, users.add(process));
  }

  /** Closes every open file with that path or key. */
  close(process: SimulatedProcess, name: string): void {
    for (const [fd, { path, key }] of process.files) {
      if (path !== name && key !== name) continue;
      process.files.delete(fd);
      for (const folder of ["fd", "fdinfo"]) this.host.tree.drop(`/proc/${process.pid}/${folder}/${fd}`);
      const still = process.spec.maps?.includes(key) || [...process.files.values()].some((file) => file.key === key);
      if (!still) this.#users.get(key)?.delete(process);
    }
    this.settle();
  }

  /** Ids of the processes that have one of these open. */
  users(keys: readonly string[]): number[] {
    const found = new Set<number>();
    for (const key of keys) for (const process of this.#users.get(key) ?? []) found.add(process.pid);
    return [...found];
  }

  /** Processes in a control group and below it. */
  inCgroup(path: string): SimulatedProcess[] {
    return this.host.cgroups.processes(path);
  }

  /** KILL. */
  kill(pid: number): void {
    this.signal(pid, "KILL");
  }

  /**
   * Sends a signal. One that sits in the kernel goes when that call returns, if it was killed: of other signals nobody
   * waits for an answer here.
   */
  signal(pid: number, signal: Signal): void {
    const process = this.all.get(pid);
    if (!process || process.killed || process.spec.args === undefined || process.spec.args.length === 0) return;
    if (pid === 1) return this.host.harm("init was killed");
    const { comm, ignoresTerm, endsAfter = 0, role } = process.spec;
    if (VITAL.includes(comm)) this.host.harm(`${comm} was sent ${signal}`);
    if (signal !== "KILL" && (ignoresTerm || process.hung !== undefined)) return;
    const { survives, passes, waits } = behaviour(role);
    if (survives.includes(signal)) {
      const children = this.childrenOf(pid);
      if (passes) { for (const child of children) this.signal(child.pid, passes); }
      process.told = true;
      if (waits === "told" && this.childrenOf(pid).length === 0) this.end(process, 0);
      return;
    }
    if (signal !== "KILL" && endsAfter > 0) this.host.after(endsAfter, () => this.#die(process, signal));
    else this.#die(process, signal);
  }

  #die(process: SimulatedProcess, signal: Signal): void {
    if (process.killed || process.gone) return;
    process.killed = true;
    process.onKill();
    if (process.hung === undefined) this.end(process, 128 + SIGNALS[signal]);
  }

  /** What a process has started, and what has not ended of it. */
  childrenOf(pid: number): SimulatedProcess[] {
    return [...this.all.values()].filter(({ parent }) => parent === pid);
  }

  /** A process ends: its files are closed, its locks free, its children go to init, its terminal is hung up. */
  end(process: SimulatedProcess, code: number): void {
    if (process.gone) return;
    process.gone = true;
    const children = this.childrenOf(process.pid);
    this.all.delete(process.pid);
    this.host.tree.drop(`/proc/${process.pid}`);
    this.host.tree.closed.delete(`/proc/${process.pid}/fd`);
    const used = [...process.files.values()].map(({ key }) => key);
    for (const key of [...used, ...process.spec.maps ?? []]) this.#users.get(key)?.delete(process);
    for (const child of children) child.parent = 1;
    this.host.locks.freeAll(process);
    for (const told of process.onEnd) told(code);
    this.host.cgroups.leave(process.cgroup);
    this.#family(process, children, code);
    this.settle();
  }

  /** What the end of a process is to those around it. */
  #family(process: SimulatedProcess, children: readonly SimulatedProcess[], code: number): void {
    const { ends } = behaviour(process.spec.role);
    if (ends && code !== 128 + SIGNALS.KILL) { for (const child of children) this.signal(child.pid, ends); }
    if (process.session === process.pid && process.tty !== undefined) {
      for (const other of [...this.all.values()].filter(({ session }) => session === process.pid)) {
        other.tty = undefined;
        this.signal(other.pid, "HUP");
      }
    }
    const parent = this.all.get(process.parent);
    const { waits } = behaviour(parent?.spec.role);
    const over = waits === "one" || waits === "told" && parent?.told && this.childrenOf(parent.pid).length === 0;
    if (parent && over) this.end(parent, waits === "told" ? 0 : code);
  }

  /** A process sits in the kernel from now on. */
  hang(process: SimulatedProcess, hung: Hung): void {
    process.hung = hung;
    this.#hung.add(process);
  }

  /** Lets calls return that waited for something that is so now. */
  settle(): void {
    for (const process of this.#hung) {
      if (!process.hung!.over()) continue;
      this.#hung.delete(process);
      process.hung!.act();
      if (process.killed) this.end(process, 137);
      else if (process.resume) {
        process.hung = undefined;
        process.resume();
      }
    }
  }
}
