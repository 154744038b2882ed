/**
 * flock(2): on the file itself, not on its name; free when the process is gone.
 *
 * @module
 */

import type { SimulatedProcess } from "./processes.ts";
import type { File } from "./tree.ts";

/** Who waits for a lock. */
interface Waiter {
  readonly process: SimulatedProcess;
  readonly take: () => void;
}

/** All locks of the host. */
export class Locks {
  readonly #held = new Map<File, Waiter>();
  readonly #queues = new Map<File, Waiter[]>();

  /** Takes a lock now, or when it is free; a wait cannot be withdrawn, and may be won by a process that gave up on it. */
  take(file: File, process: SimulatedProcess, take: () => void): void {
    const waiter = { process, take };
    if (this.#held.has(file)) {
      this.#queues.set(file, [...this.#queues.get(file) ?? [], waiter]);
      return;
    }
    this.#held.set(file, waiter);
    take();
  }

  /** Gives a lock back; the next who lives gets it. */
  free(file: File): void {
    this.#held.delete(file);
    const queue = this.#queues.get(file) ?? [];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (next.process.gone || next.process.killed) continue;
      this.#held.set(file, next);
      next.take();
      return;
    }
  }

  /** Frees what a process held. */
  freeAll(process: SimulatedProcess): void {
    for (const [file, { process: holder }] of [...this.#held]) if (holder === process) this.free(file);
  }

  /** Ids of the processes that hold a lock now. */
  holders(): number[] {
    return [...this.#held.values()].map((waiter) => waiter.process.pid);
  }
}
