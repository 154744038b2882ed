/**
 * A machine of its own for a test: mounts, processes and network apart from those of the real one, gone with the test
 * however that ends. See namespace.sh.
 *
 * @module
 */

import { assertEquals } from "@std/assert";

/** How a program ended. */
export interface Ended {
  /** Exit status. */
  readonly code: number;
  /** Standard output. */
  readonly stdout: string;
  /** Standard error. */
  readonly stderr: string;
}

/** What a program in the namespace sees of the environment. */
const ENVIRONMENT = {
  LC_ALL: "C",
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
};

/** See the module's text. */
export class Namespace implements AsyncDisposable {
  /** Its root folder, as it can be reached from outside. */
  readonly root: string;

  private constructor(readonly init: number, readonly holder: Deno.ChildProcess) {
    this.root = `/proc/${init}/root`;
  }

  /** Makes one. */
  static async make(): Promise<Namespace> {
    const script = new URL("namespace.sh", import.meta.url).pathname;
    const repository = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
    const holder = new Deno.Command("/usr/bin/unshare", {
      args: [
        "--mount",
        "--pid",
        "--net",
        "--fork",
        "--propagation",
        "private",
        "/bin/bash",
        script,
        repository,
        Deno.execPath(),
      ],
      stdin: "piped",
      stdout: "piped",
      clearEnv: true,
      env: ENVIRONMENT,
    }).spawn();
    const reader = holder.stdout.getReader();
    const { value } = await reader.read();
    assertEquals(new TextDecoder().decode(value), "ready\n", "the namespace could not be made");
    await reader.cancel();
    const init = Number(Deno.readTextFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`));
    return new Namespace(init, holder);
  }

  /** Starts a program in it. */
  spawn(args: readonly string[], stdio: Deno.CommandOptions = {}): Deno.ChildProcess {
    const enter = ["--target", `${this.init}`, "--mount", "--pid", "--net", "--", ...args];
    return new Deno.Command("/usr/bin/nsenter", {
      args: enter,
      stdin: "null",
      stdout: "null",
      stderr: "null",
      clearEnv: true,
      env: ENVIRONMENT,
      ...stdio,
    }).spawn();
  }

  /** Runs a program in it. */
  async run(...args: readonly string[]): Promise<Ended> {
    const { code, stdout, stderr } = await this.spawn(args, { stdout: "piped", stderr: "piped" }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  }

  /** Runs lines of bash in it, which have to succeed; gives what they print. */
  async bash(lines: string): Promise<string> {
    const ended = await this.run("/bin/bash", "-euc", lines);
    assertEquals(ended.code, 0, `${lines}: ${ended.stderr}`);
    return ended.stdout;
  }

  /** Sends a signal to one of its processes. */
  async signal(name: "KILL" | "TERM" | "HUP" | "STOP", pid: number): Promise<void> {
    await this.run("/usr/bin/kill", `-${name}`, "--", `${pid}`);
  }

  /** Text of a file; empty where there is none. */
  read(path: string): string {
    try {
      return Deno.readTextFileSync(this.root + path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }

  /** Writes a file, with the folders above it. */
  write(path: string, text: string, mode = 0o644): void {
    Deno.mkdirSync(this.root + path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o755 });
    Deno.writeTextFileSync(this.root + path, text);
    Deno.chmodSync(this.root + path, mode);
  }

  /** Names in a folder; none where there is no such folder. */
  list(path: string): string[] {
    try {
      return Array.from(Deno.readDirSync(this.root + path), (entry) => entry.name).sort();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  /** Is there something? */
  has(path: string): boolean {
    try {
      Deno.lstatSync(this.root + path);
      return true;
    } catch {
      return false;
    }
  }

  /** Ids, inside, of the processes of a program, or of those in a folder. */
  async pidsOf(path: string): Promise<number[]> {
    const lines = await this.bash(`for p in /proc/[0-9]*; do echo "\${p#/proc/} $(readlink $p/exe)"; done`);
    return lines.split("\n").map((line) => line.split(" "))
      .filter(([, exe]) => exe === path || exe?.startsWith(`${path}/`)).map(([pid]) => Number(pid));
  }

  /** Ends it and all that runs in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.holder.stdin.close();
    await this.holder.status;
  }
}
