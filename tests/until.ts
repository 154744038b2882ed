/**
 * The one wait of tests with real machines.
 *
 * @module
 */

import { timer } from "../lib/process.ts";

/**
 * Waits for a condition.
 *
 * @param what Said by the error when it never comes.
 * @param look Looks for it; what it gives that is neither false nor undefined is the result.
 * @param seconds The deadline.
 * @throws {Error} If it did not come.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | false | undefined> | T | false | undefined,
  seconds = 60,
): Promise<T> {
  for (const end = performance.now() + seconds * 1000;;) {
    const seen = await look();
    if (seen !== false && seen !== undefined) return seen;
    if (performance.now() > end) throw new Error(`it did not come in ${seconds} s: ${what}`);
    await timer(20).up;
  }
}
