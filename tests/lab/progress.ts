/**
 * Tells a person what takes its time.
 *
 * @module
 */

import { timer } from "../../lib/process.ts";

/**
 * Does some work, and tells how long it takes: its name when it begins, its time when it is over. A terminal shows the
 * seconds as they pass.
 *
 * @param what Its name.
 */
export async function progress<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const row = (state: string) =>
    `${state}  ${what.padEnd(40)} ${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s`;
  if (!Deno.stdout.isTerminal()) {
    console.log(`...   ${what}`);
    const result = await work();
    console.log(row("done"));
    return result;
  }
  const show = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`\r${text}`));
  const working = work();
  const over = working.then(() => "done", () => "WRONG");
  for (;;) {
    show(row("... "));
    const second = timer(1000);
    const state = await Promise.race([over, second.up]);
    second.clear();
    if (!state) continue;
    show(`${row(state)}\n`);
    return await working;
  }
}
