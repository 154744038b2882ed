/**
 * The `System` of one of our programs on the simulated host.
 *
 * @module
 */

import type { Command, CommandResult, FileInfo, Lock, System } from "../../lib/system.ts";
import { runCommand } from "./commands/mod.ts";
import { CALLS, START } from "./costs.ts";
import { kernelError } from "./errno.ts";
import * as files from "./files.ts";
import { Program } from "./program.ts";
import { asBytes, asText } from "./tree.ts";

export type { Main, Outcome, Start } from "./program.ts";

/** Calendar time at which the host was made. */
const EPOCH = Date.UTC(2026, 0, 2, 3, 4, 5);
/** Second mounts (lib/views.ts): without them the files of these file systems cannot be seen. */
const VIEWS = [["/sys/", "sysfs"], ["/sys/fs/cgroup/", "cgroup2"], ["/proc/", "proc"]] as const;

/** What the real system gives for a path that leads nowhere, or through something that is no folder. */
function unlessMissing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}

/** See the module's text. */
export class SimulatedSystem extends Program implements System {
  #seen(path: string): boolean {
    return VIEWS.every(([prefix, type]) => !path.startsWith(prefix) || this.host.mounted.has(type));
  }

  #look<T>(path: string, look: () => T): T | undefined {
    return this.call(CALLS.read, () => this.#seen(path) ? unlessMissing(look) : undefined);
  }

  parent(): number {
    return this.call(CALLS.clock, () => this.process.parent);
  }

  input(max: number): Promise<Uint8Array | undefined> {
    return this.#async(() => Promise.resolve(this.stdin.length > max ? undefined : this.stdin));
  }

  complain(text: string): void {
    this.call(CALLS.clock, () => this.writeError(text));
  }

  print(data: string | Uint8Array): void {
    this.call(CALLS.clock, () => this.writeOutput(asBytes(data)));
  }

  read(path: string): string | undefined {
    const data = this.#read(path);
    return data === undefined ? undefined : asText(data);
  }

  readBytes(path: string, max: number): Uint8Array | undefined {
    const data = this.#read(path);
    return data === undefined ? undefined : asBytes(data).slice(0, max);
  }

  #read(path: string): string | Uint8Array | undefined {
    return this.#look(path, () => files.readFile(this.host.tree, path, this.uid));
  }

  list(path: string): readonly string[] {
    return this.#look(path, () => files.listFolder(this.host.tree, path, this.uid)) ?? [];
  }

  link(path: string): string | undefined {
    return this.#look(path, () => files.readLink(this.host.tree, path));
  }

  info(path: string): FileInfo | undefined {
    return this.#look(path, () => files.statFile(this.host.tree, path));
  }

  write(path: string, text: string): void {
    this.call(CALLS.write, () => {
      if (!this.#seen(path)) throw kernelError("ENOENT", `open '${path}'`);
      files.writeFile(this.host.tree, path, text, this.uid);
    });
  }

  save(path: string, text: string): void {
    this.#change(
      "save",
      path,
      CALLS.save,
      () => files.saveFile(this.host.tree, path, text, this.uid),
    );
  }

  append(path: string, text: string): void {
    this.#change("append", path, CALLS.append, () => files.appendFile(this.host.tree, path, text, this.uid));
  }

  move(from: string, to: string): void {
    this.#change("move", to, CALLS.write, () => files.moveFile(this.host.tree, from, to, this.uid));
  }

  remove(path: string): void {
    this.#change("unlink", path, CALLS.write, () => files.removeFile(this.host.tree, path, this.uid));
  }

  makeFolder(path: string): void {
    this.#change("mkdir", path, CALLS.write, () => files.makeFolder(this.host.tree, path, this.uid));
  }

  #change(kind: string, path: string, cost: number, act: () => void): void {
    this.call(cost, () => this.host.operate(kind, path, undefined, act));
  }

  /** A call that returns a promise: one that fails rejects it. */
  #async<T>(body: () => Promise<T>): Promise<T> {
    try {
      return this.call(CALLS.clock, body);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  run(command: Command): Promise<CommandResult> {
    return this.#async(() => {
      if (!command.program.startsWith("/")) throw new Error(`${command.program} is no absolute path`);
      return this.host.clock.wait<CommandResult>(this, (done) => runCommand(this.host, this, command, done));
    });
  }

  start(program: string, args: readonly string[]): void {
    this.call(START, () => {
      const { programs, commands } = this.host;
      if (!programs.has(program) && !commands.has(program)) throw kernelError("ENOENT", `spawn '${program}'`);
      runCommand(this.host, this, { program, args, timeoutMs: Infinity }, () => {});
    });
  }

  async kill(pid: number): Promise<void> {
    await this.run({ program: "/usr/bin/kill", args: ["-KILL", "--", String(pid)], timeoutMs: 5_000 });
  }

  now(): number {
    return this.call(CALLS.clock, () => this.host.clock.now);
  }

  date(): Date {
    return new Date(EPOCH + this.now());
  }

  until<T>(look: () => T | undefined | false, timeoutMs: number, pollMs = 20): Promise<T | undefined> {
    const { clock } = this.host;
    const found = () => {
      const value = look();
      return value === undefined || value === false ? undefined : { value };
    };
    return this.#async(async () => {
      const now = found();
      if (now) return now.value;
      const end = clock.now + timeoutMs;
      return await clock.wait<T | undefined>(this, (done, fail) => {
        const again = () => {
          if (!this.living) return;
          try {
            const now = found();
            if (now) return done(now.value);
          } catch (error) {
            return fail(error);
          }
          if (clock.now >= end) done(undefined);
          else clock.after(Math.min(pollMs, end - clock.now), again);
        };
        clock.after(Math.min(pollMs, timeoutMs), again);
      });
    });
  }

  lock(path: string, timeoutMs: number): Promise<Lock | undefined> {
    return this.#async(() => {
      const file = files.openOrMake(this.host.tree, path, this.uid);
      return this.host.clock.wait<Lock | undefined>(this, (done) => {
        let lost = false;
        const late = this.host.clock.after(timeoutMs, () => {
          lost = true;
          done(undefined);
        });
        this.host.locks.take(file, this.process, () => {
          if (lost) return this.host.locks.free(file); // who stays alive gives back at once what comes too late
          late.cancelled = true;
          file.content = `${this.pid}\n`;
          done({ release: () => this.call(CALLS.write, () => this.host.locks.free(file)) });
        });
      });
    });
  }
}
