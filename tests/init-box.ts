/**
 * A machine in a few lines, for tests of init systems: processes, files, and what programs were seen to print.
 *
 * @module
 */

import type { Init } from "../lib/host/inits/init.ts";
import type { Command, System } from "../lib/system.ts";

/** What a program prints, as it was seen with the real one, and its exit status. */
export type Answer = readonly [stdout: string, code?: number, stderr?: string];

/** A process: its parent, its arguments, and files of it other than these. */
export type Process = readonly [parent: number, args: string, more?: Readonly<Record<string, string>>];

/** A machine as the four need it; a program that is asked something else than what is in `answers` fails the test. */
export class Box {
  /** What was run. */
  readonly ran: string[] = [];
  /** How long each of these may have taken, in milliseconds. */
  readonly limits: number[] = [];
  /** Files and links, by their paths. */
  readonly files = new Map<string, string>();

  /** A machine. */
  constructor(
    processes: Readonly<Record<number, Process>> = {},
    readonly answers: Readonly<Record<string, Answer>> = {},
    files: Readonly<Record<string, string>> = {},
  ) {
    for (const [pid, [parent, args, more]] of Object.entries(processes)) {
      const comm = args.split(" ")[0]!.split("/").at(-1)!.slice(0, 15);
      const own = { cmdline: args.replaceAll(" ", "\0") + "\0", comm: `${comm}\n`, cgroup: "0::/\n", ...more };
      for (const [name, text] of Object.entries(own)) this.files.set(`/proc/${pid}/${name}`, text);
      this.files.set(`/proc/${pid}/stat`, `${pid} (a b) S ${parent} ${pid} ${pid} 0 -1`);
    }
    for (const [path, text] of Object.entries(files)) this.files.set(path, text);
  }

  /** The door to it. */
  get system(): System {
    const { files } = this;
    const some: Partial<System> = {
      read: (path) => files.get(path),
      link: (path) => files.get(path),
      info: (path) => files.has(path) ? { kind: "file", uid: 0, mode: 0o644, size: 0 } : undefined,
      list: (path) => {
        const names = [...files.keys()].filter((file) => file.startsWith(`${path}/`));
        return [...new Set(names.map((file) => file.slice(path.length + 1).split("/")[0]!))].sort();
      },
      run: ({ program, args, timeoutMs }: Command) => {
        const line = [program, ...args].join(" ");
        this.ran.push(line);
        this.limits.push(timeoutMs);
        const answer = this.answers[line];
        if (!answer) throw new Error(`nobody has seen what this says: ${line}`);
        const [stdout, code = 0, stderr = ""] = answer;
        return Promise.resolve({ ended: "exit", code, stdout: new TextEncoder().encode(stdout), stderr });
      },
    };
    return some as System;
  }
}

/** Services as the init system shows them, a line for each. */
export async function show(init: Init, box: Box, ...names: readonly string[]): Promise<string[]> {
  return (await init.show(box.system, names)).map(({ name, state }) => `${name} ${state}`);
}
