/**
 * Processes of the simulated host, and what /proc says about them.
 *
 * @module
 */

import type { Hung } from "./errno.ts";
import type { SimulatedHost } from "./host.ts";
import type { ProcessSpec } from "./machine.ts";
import { File, Folder, Link } from "./tree.ts";

/** Signals that are sent here, and their numbers. */
export const SIGNALS = { HUP: 1, KILL: 9, TERM: 15 } as const;

/** Name of a signal. */
export type Signal = keyof typeof SIGNALS;

/** A mask of signals that are to come yet: KILL. */
const KILL_PENDING = (1 << (SIGNALS.KILL - 1)).toString(16).padStart(16, "0");

/** Daemons that nobody may signal: the whole host hangs on them. */
const VITAL: readonly string[] = ["systemd-udevd", "systemd-logind"];

/** A process. */
export class SimulatedProcess {
  /** The call of the kernel that it sits in, if that does not return. */
  hung?: Hung;
  /** Goes on when that call returns; where there is none, nothing does: the thread that made it was given up. */
  resume?: () => void;
  /** It was sent KILL. */
  killed = false;
  /** It is no more. */
  gone = false;
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
   * @param parent Its parent's id.
   * @param spec What it is.
   * @param started When it was started, in clock ticks.
   */
  constructor(readonly pid: number, public parent: number, readonly spec: ProcessSpec, readonly started: number) {}

  /** Its control group. */
  get cgroup(): string {
    return this.spec.cgroup ?? "/system.slice";
  }

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
    const process = new SimulatedProcess(
      pid,
      spec.parent ?? (pid === 1 ? 0 : 1),
      spec,
      1000 + Math.floor(this.host.clock.now / 10),
    );
    this.all.set(pid, process);
    this.#publish(process);
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
    const info = `pos:\t0\nflags:\t0100002\nmnt_id:\t26\n${this.#drmInfo(path)}`;
    this.host.tree.folder(`/proc/${process.pid}/fdinfo`).children.set(String(fd), new File(() => info, 0o400));
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
    const { comm, ignoresTerm, endsAfter = 0 } = process.spec;
    if (VITAL.includes(comm)) this.host.harm(`${comm} was sent ${signal}`);
    if (signal !== "KILL" && (ignoresTerm || process.hung !== undefined)) return;
    if (signal !== "KILL" && endsAfter > 0) this.host.after(endsAfter, () => this.#die(process, signal));
    else this.#die(process, signal);
  }

  #die(process: SimulatedProcess, signal: Signal): void {
    if (process.killed || process.gone) return;
    process.killed = true;
    process.onKill();
    if (process.hung === undefined) this.end(process, 128 + SIGNALS[signal]);
  }

  /** A process ends: its files are closed, its locks free, its children go to init. */
  end(process: SimulatedProcess, code: number): void {
    if (process.gone) return;
    process.gone = true;
    this.all.delete(process.pid);
    this.host.tree.drop(`/proc/${process.pid}`);
    this.host.tree.closed.delete(`/proc/${process.pid}/fd`);
    const used = [...process.files.values()].map(({ key }) => key);
    for (const key of [...used, ...process.spec.maps ?? []]) this.#users.get(key)?.delete(process);
    for (const child of this.all.values()) if (child.parent === process.pid) child.parent = 1;
    this.host.locks.freeAll(process);
    for (const told of process.onEnd) told(code);
    this.host.cgroups.leave(process.cgroup);
    this.settle();
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

  /** What DRM adds to fdinfo. */
  #drmInfo(path: string): string {
    if (!path.startsWith("/dev/dri/")) return "";
    const fn = [...this.host.pci.functions.values()].find((fn) => fn.nodes?.devices.includes(path));
    return fn ? `drm-driver:\t${fn.driver}\ndrm-pdev:\t${fn.address}\n` : "";
  }

  /** /proc/PID. */
  #publish(process: SimulatedProcess): void {
    const { pid, spec } = process;
    const { comm, args = [], uid = 0, maps = [] } = spec;
    const folder = new Folder(0o555, uid);
    const file = (name: string, content: () => string, mode = 0o444) =>
      folder.children.set(name, new File(content, mode, undefined, uid));
    // Fields 8 to 21 are of no interest here, 22 is the start (proc(5)).
    const stat = () =>
      `${pid} (${comm}) ${process.state} ${process.parent} ${pid} ${pid} 0${" 0".repeat(14)} ${process.started} 0 0\n`;
    file("comm", () => `${comm}\n`);
    file("cmdline", () => args.map((arg) => `${arg}\0`).join(""));
    file("stat", stat);
    file(
      "status",
      () =>
        `Name:\t${comm}\nState:\t${process.state}\nTgid:\t${pid}\nPid:\t${pid}\nPPid:\t${process.parent}\n` +
        `Uid:\t${uid}\t${uid}\t${uid}\t${uid}\nGid:\t${uid}\t${uid}\t${uid}\t${uid}\n` +
        `SigPnd:\t${"0".repeat(16)}\nShdPnd:\t${process.killed ? KILL_PENDING : "0".repeat(16)}\n`,
    );
    file("cgroup", () => `0::${process.cgroup}\n`);
    file(
      "maps",
      () => maps.map((path) => `7f0000000000-7f0000010000 rw-s 00000000 00:06 400 ${path}\n`).join(""),
      0o400,
    );
    if (args[0] !== undefined) folder.children.set("exe", new Link(args[0]));
    folder.children.set("fd", new Folder(0o500, uid));
    folder.children.set("fdinfo", new Folder(0o555, uid));
    this.host.tree.folder("/proc").children.set(String(pid), folder);
  }
}
