/**
 * Questions and answers, a line each, over a Unix socket: how QEMU is talked to, and the agent in the machine. Answers
 * come in any order.
 *
 * @module
 */

import { timer } from "../../lib/process.ts";

/** One end of such a connection; `A` is what an answer says. */
export class Dialog<A> implements Disposable {
  readonly #waiting = new Map<string, (answer: A) => void>();
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #over: Promise<never>;
  #asked = 0;

  private constructor(
    readonly socket: Deno.UnixConn,
    readonly parse: (line: string) => { readonly id: string; readonly answer: A } | undefined,
    readonly gone: Promise<string>,
  ) {
    this.#writer = socket.writable.getWriter();
    this.#over = this.#listen().catch(() => {}).then(async () => { // however it ends, nothing more will come
      throw new Error(await gone);
    });
    this.#over.catch(() => {}); // told to those who ask
  }

  /**
   * Connects.
   *
   * @param parse Takes a line apart; undefined where it is no answer.
   * @param gone Kept when the other end has gone: how that was.
   */
  static async connect<A>(path: string, parse: Dialog<A>["parse"], gone: Promise<string>): Promise<Dialog<A>> {
    return new Dialog(await Deno.connect({ transport: "unix", path }), parse, gone);
  }

  async #listen(): Promise<void> {
    let rest = "";
    for await (const text of this.socket.readable.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const answered = this.parse(line.trimEnd());
        if (answered) this.#waiting.get(answered.id)?.(answered.answer);
      }
    }
  }

  /**
   * Asks, and waits for the answer.
   *
   * @param line Makes the line out of the id that its answer will have.
   * @param what Said by the error.
   * @throws {Error} If there is no answer in so many seconds, or the other end goes away or has gone.
   */
  async ask(line: (id: string) => string, what: string, seconds: number): Promise<A> {
    const id = `${++this.#asked}`;
    const answer = Promise.withResolvers<A>();
    this.#waiting.set(id, answer.resolve);
    const deadline = timer(seconds * 1000);
    try {
      this.#writer.write(new TextEncoder().encode(`${line(id)}\n`)).catch(() => {}); // the end is told by #listen
      const late = deadline.up.then(() => {
        throw new Error(`no answer in ${seconds} s: ${what}`);
      });
      return await Promise.race([answer.promise, this.#over, late]);
    } finally {
      deadline.clear();
      this.#waiting.delete(id);
    }
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    try {
      this.socket.close();
    } catch {
      // it is closed already
    }
  }
}
