/**
 * Virtual time. It moves when something costs time, and jumps to the next event when every program waits: no real timer
 * runs, so a minute of a host takes no longer than what happens in it.
 *
 * @module
 */

/** Something that will happen. */
export interface Event {
  /** When. */
  readonly time: number;
  /** What. */
  readonly run: () => void;
  /** It will not happen after all. */
  cancelled: boolean;
}

/** A promise of a program that time has to resolve. */
interface Wait {
  readonly owner: object;
}

/** Turns of the microtask queue without any activity after which every program counts as waiting. */
const QUIET_TURNS = 24;

/** The host's clock and its agenda. */
export class Clock {
  /** Milliseconds since the host was made. */
  now = 0;
  /** Grows with everything that programs do: while it grows, not all of them wait. */
  activity = 0;
  /** Programs that are alive: one of them that waits for nothing goes on before time does. */
  readonly programs: Set<object> = new Set();
  /** Next event last. */
  readonly #agenda: Event[] = [];
  readonly #waits = new Set<Wait>();
  #driving = false;

  /** Has something happen in `ms` milliseconds; events of the same time happen in the order in which they were made. */
  after(ms: number, run: () => void): Event {
    const event: Event = { time: this.now + Math.max(0, ms), run, cancelled: false };
    let index = this.#agenda.length;
    while (index > 0 && this.#agenda[index - 1]!.time <= event.time) index--;
    this.#agenda.splice(index, 0, event);
    return event;
  }

  /** Lets time pass, and what is due happen. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (let next = this.#agenda.at(-1); next !== undefined && next.time <= end; next = this.#agenda.at(-1)) {
      this.#happen();
    }
    this.now = Math.max(this.now, end);
  }

  /**
   * A promise that events resolve; while there is one, and nobody else does anything, time moves on.
   *
   * @param owner Who waits; see {@linkcode forget}.
   * @param begin Gets the functions that resolve and reject it; only the first call counts.
   */
  wait<T>(owner: object, begin: (done: (value: T) => void, fail: (error: unknown) => void) => void): Promise<T> {
    const wait: Wait = { owner };
    this.#waits.add(wait);
    this.#drive();
    return new Promise<T>((resolve, reject) => {
      const once = <A>(settle: (value: A) => void) => (value: A) => {
        if (!this.#waits.delete(wait)) return;
        this.activity++;
        settle(value);
      };
      begin(once(resolve), once(reject));
    });
  }

  /** Moves time on within a call of a program that does not return yet, until `over`, or until another has to go on. */
  block(owner: object, over: () => boolean): void {
    const waiting = new Set([...this.#waits].map((wait) => wait.owner));
    if ([...this.programs].some((other) => other !== owner && !waiting.has(other))) return;
    for (const waits = this.#waits.size; !over() && this.#agenda.length > 0 && waits === this.#waits.size;) {
      this.#happen();
    }
  }

  /** A process is dead or stuck: what it waits for never comes. */
  forget(owner: object): void {
    this.programs.delete(owner);
    for (const wait of this.#waits) if (wait.owner === owner) this.#waits.delete(wait);
  }

  /** Lets the next event happen. */
  #happen(): void {
    const event = this.#agenda.pop()!;
    if (event.cancelled) return;
    this.now = Math.max(this.now, event.time);
    event.run();
  }

  /** Moves time on for as long as somebody waits: each time that all have gone quiet, to the next event that wakes one. */
  async #drive(): Promise<void> {
    if (this.#driving) return;
    this.#driving = true;
    while (this.#waits.size > 0) {
      const seen = this.activity;
      for (let turn = 0; turn < QUIET_TURNS && seen === this.activity; turn++) await undefined;
      if (seen !== this.activity) continue;
      if (this.#agenda.length === 0) break;
      for (const waits = this.#waits.size; this.#agenda.length > 0 && waits === this.#waits.size;) this.#happen();
    }
    this.#driving = false;
  }
}
