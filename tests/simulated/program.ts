/**
 * Life of one of our programs as a process on the simulated host: started, at work, ended, killed, or stuck in the kernel.
 *
 * @module
 */

import type { System } from "../../lib/system.ts";
import { Hung, Killed } from "./errno.ts";
import type { SimulatedHost } from "./host.ts";
import type { SimulatedProcess } from "./processes.ts";
import { asBytes, asText, nameOf } from "./tree.ts";

/** A program of ours, as lib/ exports it. */
export type Main = (system: System, args: readonly string[]) => Promise<number>;

/** How a program is started. */
export interface Start {
  /** Its path; the last part is the name that it is called by. */
  readonly program: string;
  /** Arguments. */
  readonly args?: readonly string[];
  /** Standard input. */
  readonly stdin?: string | Uint8Array;
  /** Parent; init where this is not said. */
  readonly parent?: number;
  /** User. */
  readonly uid?: number;
}

/** How a program ended, or that it never will. */
export interface Outcome {
  /** `exit` with a status; `killed`; `stuck`: it sits in the kernel. */
  readonly ended: "exit" | "killed" | "stuck";
  /** Status; 137 where it was killed, -1 where it is stuck. */
  readonly code: number;
  /** What it wrote to standard output. */
  readonly stdout: string;
  /** What it wrote to standard error. */
  readonly stderr: string;
  /** What it threw, if it did: a bug of it. */
  readonly error?: unknown;
}

/** A program of ours that was started. */
export class Program {
  /** Name that it was called by. */
  readonly program: string;
  /** Process id. */
  readonly pid: number;
  /** User. */
  readonly uid: number;
  /** What the kernel has of it. */
  readonly process: SimulatedProcess;
  /** Resolves when it has ended, or sits in the kernel. */
  readonly ended: Promise<Outcome>;
  /** Standard input. */
  protected readonly stdin: Uint8Array;
  readonly #stdout: Uint8Array[] = [];
  #stderr = "";
  #error: unknown;
  #tell!: (outcome: Outcome) => void;

  /**
   * Makes the process.
   *
   * @param host Where it runs.
   * @param start How it is started; its `main` is still to be called, with {@linkcode follow}.
   */
  constructor(readonly host: SimulatedHost, start: Start) {
    const { program, args = [], stdin = "", parent = 1, uid = 0 } = start;
    this.program = nameOf(program);
    this.uid = uid;
    this.stdin = asBytes(stdin);
    const cgroup = host.init.cgroup("libvirtd");
    this.process = host.processes.spawn({
      comm: this.program.slice(0, 15),
      args: [program, ...args],
      parent,
      uid,
      cgroup,
    });
    this.pid = this.process.pid;
    this.ended = new Promise((resolve) => this.#tell = resolve);
    host.clock.programs.add(this);
    this.process.onKill = () => host.clock.forget(this);
    this.process.onEnd.push((code) => this.#over(this.process.killed ? "killed" : "exit", code));
  }

  /** Ends the process when its main function has ended, if that counts any more. */
  follow(main: Promise<number>): void {
    const finish = (code: number) => {
      if (this.living) this.host.processes.end(this.process, code);
    };
    main.then(finish, (error) => {
      if (!this.living) return;
      this.#error = error;
      this.#stderr += `error: Uncaught (in promise) ${error}\n`;
      finish(1);
    });
  }

  /** Standard output so far. */
  get stdout(): Uint8Array {
    return asBytes(this.#stdout.map(asText).join(""));
  }

  /** Standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Does what it does have any effect? */
  protected get living(): boolean {
    return !this.process.gone && !this.process.killed && this.process.hung === undefined;
  }

  /** Adds to standard error. */
  protected writeError(text: string): void {
    this.#stderr += text;
  }

  /** Adds to standard output. */
  protected writeOutput(data: Uint8Array): void {
    this.#stdout.push(data);
  }

  /** One call of the kernel: it costs time, and is only made, and only returns, while the process lives. */
  protected call<T>(cost: number, body: () => T): T {
    this.#check();
    this.host.clock.activity++;
    this.host.clock.advance(cost);
    this.#check();
    try {
      return this.host.as(this.pid, body);
    } catch (error) {
      if (!(error instanceof Hung) || !this.#outlasted(error)) throw error;
      return error.again ? this.call(0, body) : undefined as T;
    } finally {
      this.#check();
    }
  }

  #check(): void {
    if (this.process.hung) throw this.process.hung;
    if (!this.living) throw new Killed(`${this.program} was killed`);
  }

  /** Sits in the kernel for as long as nobody else has to go on; tells if the call returned within that. */
  #outlasted(hung: Hung): boolean {
    const { process, host } = this;
    if (process.hung) return false;
    host.processes.hang(process, hung);
    process.resume = () => {};
    host.clock.block(this, () => process.hung === undefined || process.killed);
    process.resume = undefined;
    if (process.hung === undefined) return true;
    host.clock.forget(this);
    this.#over("stuck", -1);
    return false;
  }

  #over(ended: Outcome["ended"], code: number): void {
    this.host.clock.activity++;
    this.host.clock.programs.delete(this);
    this.#tell({ ended, code, stdout: asText(this.stdout), stderr: this.#stderr, error: this.#error });
  }
}
