/**
 * The machine itself, over Deno's own calls. /sys and /proc are read through second mounts of them, where Deno's
 * permissions hold path by path (docs/deno.md); code names the canonical paths, the table of prefixes says where they lie.
 *
 * @module
 */

import { report } from "./errors.ts";
import { join, kill, run, start, timer } from "./process.ts";
import type { Command, CommandResult, FileInfo, Lock, System } from "./system.ts";

/** Where the paths that begin with the first of a pair lie in truth. Each ends with a slash. */
export type Prefixes = readonly (readonly [path: string, place: string])[];

/** Where /sys and /proc lie for a program that has only the permissions it needs. */
const VIEWS: Prefixes = [["/sys/", "/run/virt-aid/sys/"], ["/proc/", "/run/virt-aid/proc/"]];

/** What the kernel says where there is no such file; of a process that ended meanwhile it says ESRCH. */
const MISSING = ["ENOENT", "ENOTDIR", "ESRCH"];

/** What `look` gives, undefined where there is no such file. */
function unlessMissing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (MISSING.includes((error as { code?: string }).code ?? "")) return undefined;
    throw error;
  }
}

/** Writes all of it: on a disk that gets full the first write may be short. */
function writeAll(file: { writeSync(data: Uint8Array): number }, data: Uint8Array): void {
  for (let at = 0; at < data.length;) at += file.writeSync(data.subarray(at));
}

/** Reads to the end of a file, and no further than one byte beyond `max`. */
function readUpTo(file: { readSync(data: Uint8Array): number | null }, max: number): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let size = 0; size <= max;) {
    const piece = new Uint8Array(Math.min(64 * 1024, max + 1 - size));
    const read = file.readSync(piece);
    if (read === null || read === 0) break;
    pieces.push(piece.subarray(0, read));
    size += read;
  }
  return join(pieces);
}

/** The machine itself. */
export class RealSystem implements System {
  readonly #prefixes: Prefixes;

  /** The machine as seen through a table of prefixes, of which the first that fits counts. */
  constructor(prefixes: Prefixes = VIEWS) {
    this.#prefixes = prefixes;
  }

  /** Name that this program was called by; for a hard link the link's. */
  get program(): string {
    return Deno.execPath().split("/").at(-1)!;
  }

  /** Own process id. */
  get pid(): number {
    return Deno.pid;
  }

  /** User that this program runs as. */
  get uid(): number {
    return Deno.uid()!;
  }

  /** Parent's process id now. */
  parent(): number {
    return Deno.ppid;
  }

  /** All of standard input, if it is not longer than that. */
  input(max: number): Promise<Uint8Array | undefined> {
    const data = readUpTo(Deno.stdin, max);
    return Promise.resolve(data.length > max ? undefined : data);
  }

  /** Writes to standard error. */
  complain(text: string): void {
    try {
      writeAll(Deno.stderr, new TextEncoder().encode(text));
    } catch {
      // libvirtd went away, and there is nobody else to tell
    }
  }

  /** Writes to standard output. */
  print(data: string | Uint8Array): void {
    writeAll(Deno.stdout, typeof data === "string" ? new TextEncoder().encode(data) : data);
  }

  /** A file's text. */
  read(path: string): string | undefined {
    return unlessMissing(() => Deno.readTextFileSync(this.#place(path)));
  }

  /** A file's first bytes. */
  readBytes(path: string, max: number): Uint8Array | undefined {
    return unlessMissing(() => {
      using file = Deno.openSync(this.#place(path));
      return readUpTo(file, max).subarray(0, max);
    });
  }

  /** Names in a folder. */
  list(path: string): readonly string[] {
    const names = unlessMissing(() => Array.from(Deno.readDirSync(this.#place(path)), (entry) => entry.name));
    return (names ?? []).sort();
  }

  /** What a symbolic link says. */
  link(path: string): string | undefined {
    try {
      return unlessMissing(() => Deno.readLinkSync(this.#place(path)));
    } catch (error) {
      if ((error as { code?: string }).code === "EINVAL") return undefined; // something else lies there
      throw error;
    }
  }

  /** What lies at a path. */
  info(path: string): FileInfo | undefined {
    const stat = unlessMissing(() => Deno.lstatSync(this.#place(path)));
    if (!stat) return undefined;
    const kind = stat.isFile ? "file" : stat.isDirectory ? "folder" : stat.isSymlink ? "link" : "other";
    return { kind, uid: stat.uid!, mode: stat.mode! & 0o7777, size: stat.size };
  }

  /** One write(2) into a file that exists. */
  write(path: string, text: string): void {
    using file = Deno.openSync(this.#place(path), { write: true });
    file.writeSync(new TextEncoder().encode(text)); // one call: a sysfs attribute takes each write as a whole value
  }

  /** Puts a whole file in place. */
  save(path: string, text: string): void {
    const place = this.#place(path);
    const beside = `${place}.${Deno.pid}`;
    try {
      using file = Deno.openSync(beside, { write: true, create: true, truncate: true, mode: 0o600 });
      writeAll(file, new TextEncoder().encode(text));
      file.syncSync(); // else a power cut may leave the name with nothing in it; on /run it costs nothing
      Deno.renameSync(beside, place);
    } catch (error) {
      unlessMissing(() => Deno.removeSync(beside)); // a full disk gets its space back
      throw error;
    }
  }

  /** Adds to the end of a file. */
  append(path: string, text: string): void {
    using file = Deno.openSync(this.#place(path), { append: true, create: true, mode: 0o600 });
    writeAll(file, new TextEncoder().encode(text));
  }

  /** Renames. */
  move(from: string, to: string): void {
    Deno.renameSync(this.#place(from), this.#place(to));
  }

  /** Removes a file. */
  remove(path: string): void {
    unlessMissing(() => Deno.removeSync(this.#place(path)));
  }

  /** Makes a folder and those above it. */
  makeFolder(path: string): void {
    Deno.mkdirSync(this.#place(path), { recursive: true, mode: 0o700 });
  }

  /** Runs a program until it exits or its time is up. */
  run(command: Command): Promise<CommandResult> {
    return run({ ...command, program: this.#place(command.program) });
  }

  /** Starts a program that outlives this one. */
  start(program: string, args: readonly string[]): void {
    start(this.#place(program), args);
  }

  /** Kills a process. */
  kill(pid: number): Promise<void> {
    return kill(pid);
  }

  /** Milliseconds on a clock that never goes back. */
  now(): number {
    return performance.now();
  }

  /** The calendar's time. */
  date(): Date {
    return new Date();
  }

  /** Waits for a condition, or until time is up. */
  async until<T>(look: () => T | undefined | false, timeoutMs: number, pollMs = 20): Promise<T | undefined> {
    for (const end = this.now() + timeoutMs;;) {
      const seen = look();
      if (seen !== undefined && seen !== false) return seen;
      const left = end - this.now();
      if (left <= 0) return undefined;
      await timer(Math.min(pollMs, left)).up;
    }
  }

  /** Takes flock(2) on a file. */
  async lock(path: string, timeoutMs: number): Promise<Lock | undefined> {
    const file = Deno.openSync(this.#place(path), { read: true, write: true, create: true, mode: 0o600 });
    const taking = file.lock(true).then(() => true);
    const deadline = timer(timeoutMs);
    const taken = await Promise.race([taking, deadline.up]);
    deadline.clear();
    if (!taken) {
      taking.catch(() => {}).finally(() => file.close()); // who stays alive gives back at once what comes too late
      return undefined;
    }
    try {
      // over what is there, which needs no space on a full disk
      writeAll(file, new TextEncoder().encode(`${`${Deno.pid}`.padEnd(10)}\n`));
    } catch {
      // the lock holds all the same; who waits for it cannot tell whom to end
    }
    return { release: () => file.close() };
  }

  /** Where a path lies in truth. */
  #place(path: string): string {
    const found = this.#prefixes.find(([prefix]) => `${path}/`.startsWith(prefix));
    return found ? found[1] + path.slice(found[0].length) : path;
  }
}

/** Runs a program's main function on the machine itself and ends the process with its status: 1 for what it threw. */
export async function runProgram(main: (system: System, args: readonly string[]) => Promise<number>): Promise<never> {
  const system = new RealSystem();
  try {
    Deno.exit(await main(system, Deno.args));
  } catch (error) {
    system.complain(report(error));
    Deno.exit(1);
  }
}
