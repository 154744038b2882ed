/**
 * Programs that are run, and the two things about them that hurt a hook: a background child that keeps a pipe open, and a
 * program that cannot be killed. Neither is ever waited for. What RealSystem is made of.
 *
 * @module
 */

import type { Command, CommandResult } from "./system.ts";

/** All that a program of ours or of the user gets to see of the environment; libvirtd's own is as small. */
const ENVIRONMENT = {
  LC_ALL: "C",
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  USER: "root",
  LOGNAME: "root",
};

/** Most that is kept of a program's standard error. */
const MAX_STDERR = 64 * 1024;
/** After a program's exit its pipes are empty when nothing came out of them for so long. */
const QUIET_MS = 25;
/** A background child that goes on writing after its program's exit is listened to no longer than this. */
const DRAIN_MS = 500;

/** A promise that is kept after so many milliseconds, and the way to call it off. */
export function timer(ms: number): { readonly up: Promise<undefined>; clear(): void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const id = setTimeout(() => resolve(undefined), ms);
  return { up: promise, clear: () => clearTimeout(id) };
}

/** Puts pieces together. */
export function join(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** One end of a pipe that a program writes to: always read, kept only as far as wanted. */
class Pipe {
  /** Bytes that came out of it. */
  seen = 0;
  /** Kept when it came to its end. */
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #pieces: Uint8Array[] = [];

  constructor(stream: ReadableStream<Uint8Array>, max: number) {
    this.#reader = stream.getReader();
    this.ended = this.#read(max);
  }

  async #read(max: number): Promise<void> {
    for (;;) {
      const { value } = await this.#reader.read().catch(() => ({ value: undefined }));
      if (!value) return;
      if (this.seen < max) this.#pieces.push(value.subarray(0, max - this.seen));
      this.seen += value.length;
    }
  }

  /** Stops listening and gives what was kept. */
  close(): Uint8Array {
    this.#reader.cancel().catch(() => {});
    return join(this.#pieces);
  }
}

/**
 * Waits until everything that a program wrote before its exit was read. End of file tells it at once; a background child
 * that holds the pipe keeps that away, then it is a pipe that stays empty.
 */
async function drain(pipes: readonly Pipe[]): Promise<void> {
  const ended = Promise.all(pipes.map((pipe) => pipe.ended)).then(() => true);
  const seen = () => pipes.reduce((sum, pipe) => sum + pipe.seen, 0);
  for (const end = performance.now() + DRAIN_MS; performance.now() < end;) {
    const before = seen();
    const quiet = timer(QUIET_MS);
    const over = await Promise.race([ended, quiet.up]);
    quiet.clear();
    if (over || seen() === before) return;
  }
}

/** Starts a program in a process group of its own. */
function spawn(program: string, args: readonly string[], stdio: Deno.CommandOptions): Deno.ChildProcess {
  const fixed = { clearEnv: true, env: ENVIRONMENT, cwd: "/", detached: true };
  return new Deno.Command(program, { args: [...args], ...fixed, ...stdio }).spawn();
}

/** Starts a program that outlives this one, all three descriptors on /dev/null. */
export function start(program: string, args: readonly string[]): Deno.ChildProcess {
  const child = spawn(program, args, { stdin: "null", stdout: "null", stderr: "null" });
  child.unref();
  return child;
}

/** Kills a process, or with a negative number a process group. That it is gone already is as good. */
export async function kill(pid: number): Promise<void> {
  const program = start("/usr/bin/kill", ["-KILL", "--", `${pid}`]); // Deno.kill needs permission to run anything
  program.ref();
  await program.status;
}

/** Runs a program until it exits or its time is up, see System.run. Throws what the kernel says of one that cannot run. */
export async function run(command: Command): Promise<CommandResult> {
  const { program, args, timeoutMs, stdin, maxOutput = 1024 * 1024 } = command;
  const piped = (wanted: unknown) => wanted ? "piped" as const : "null" as const;
  let child: Deno.ChildProcess;
  try {
    child = spawn(program, args, { stdin: piped(stdin), stdout: piped(maxOutput), stderr: "piped" });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { ended: "missing", code: -1, stdout: new Uint8Array(), stderr: "" };
  }
  const stderr = new Pipe(child.stderr, MAX_STDERR);
  const stdout = maxOutput ? new Pipe(child.stdout, maxOutput) : undefined;
  const writer = stdin && child.stdin.getWriter();
  // a program need not read all of its input: EPIPE is no error
  writer?.write(stdin!).then(() => writer.close()).catch(() => {});

  const deadline = timer(timeoutMs);
  const status = await Promise.race([child.status, deadline.up]);
  deadline.clear();
  if (status) {
    await drain(stdout ? [stdout, stderr] : [stderr]);
  } else {
    // neither its status nor the end of its pipes is waited for: a thread stuck in the kernel keeps both away
    await kill(-child.pid);
    child.unref();
  }
  writer?.abort().catch(() => {});
  return {
    ended: status ? "exit" : "timeout",
    code: status?.code ?? -1,
    stdout: stdout?.close() ?? new Uint8Array(),
    stderr: new TextDecoder().decode(stderr.close()),
  };
}
