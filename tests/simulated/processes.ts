/**
 * Processes of the simulated host, and what /proc says about them.
 *
 * @module
 */

import type { Hung } from "./errno.ts";
import type { SimulatedHost } from "./host.ts";
import type { ProcessSpec } from "./machine.ts";
import { File, Folder, Link } from "./tree.ts";

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
    for (const path of spec.open ?? []) this.open(process, path);
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
    const users = this.#users.get(key) ?? new Set();
    this.#users.set(key, users.add(process));
  }

  /** Closes every open file with that path or key. */
  close(process: SimulatedProcess, name: string): void {
    for (const [fd, { path, key }] of process.files) {
      if (path !== name && key !== name) continue;
      process.files.delete(fd);
      for (const folder of ["fd", "fdinfo"]) this.host.tree.drop(`/proc/${process.pid}/${folder}/${fd}`);
      if (![...process.files.values()].some((file) => file.key === key)) this.#users.get(key)?.delete(process);
    }
    this.settle();
  }

  /** Ids of the processes that have one of these open. */
  users(keys: readonly string[]): number[] {
    const found = new Set<number>();
    for (const key of keys) for (const process of this.#users.get(key) ?? []) found.add(process.pid);
    return [...found];
  }

  /** KILL. One that sits in the kernel goes when that call returns. */
  kill(pid: number): void {
    const process = this.all.get(pid);
    if (!process || process.killed) return;
    if (pid === 1 || process.spec.args === undefined || process.spec.args.length === 0) {
      if (pid === 1) this.host.harm("init was killed");
      return; // threads of the kernel take no signal
    }
    process.killed = true;
    process.onKill();
    if (process.hung === undefined) this.end(process, 137);
  }

  /** A process ends: its files are closed, its locks free, its children go to init. */
  end(process: SimulatedProcess, code: number): void {
    if (process.gone) return;
    process.gone = true;
    this.all.delete(process.pid);
    this.host.tree.drop(`/proc/${process.pid}`);
    this.host.tree.closed.delete(`/proc/${process.pid}/fd`);
    for (const { key } of process.files.values()) this.#users.get(key)?.delete(process);
    for (const child of this.all.values()) if (child.parent === process.pid) child.parent = 1;
    this.host.locks.freeAll(process);
    for (const told of process.onEnd) told(code);
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
    const { comm, args = [], uid = 0, cgroup = "/system.slice" } = spec;
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
        `Uid:\t${uid}\t${uid}\t${uid}\t${uid}\nGid:\t${uid}\t${uid}\t${uid}\t${uid}\n`,
    );
    file("cgroup", () => `0::${cgroup}\n`);
    file("maps", () => "", 0o400);
    if (args[0] !== undefined) folder.children.set("exe", new Link(args[0]));
    folder.children.set("fd", new Folder(0o500, uid));
    folder.children.set("fdinfo", new Folder(0o555, uid));
    this.host.tree.folder("/proc").children.set(String(pid), folder);
  }
}
