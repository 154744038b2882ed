/**
 * Questions to programs of the system, and their answers.
 *
 * @module
 */

import { AidError, failureOf } from "../errors.ts";
import type { System } from "../system.ts";

/** How long one question or order may take, in milliseconds: they answer when they have nothing more urgent. */
export const CALL_MS = 10_000;

/**
 * Runs a program; gives what it prints.
 *
 * @throws {AidError} If it fails, or takes longer than so many milliseconds.
 */
export async function ask(
  system: System,
  program: string,
  args: readonly string[],
  timeoutMs = CALL_MS,
): Promise<string> {
  const result = await system.run({ program, args, timeoutMs });
  const failure = failureOf(result);
  if (failure !== undefined) {
    throw new AidError(`${program} ${args.join(" ")}: ${failure}`, `run it yourself: ${program} ${args.join(" ")}`);
  }
  return new TextDecoder().decode(result.stdout);
}

/** Blocks of `Name=value` lines, as systemctl and loginctl print them. */
export function blocks(text: string): Map<string, string>[] {
  return text.split(/\n{2,}/).filter((block) => block.trim() !== "").map((block) =>
    new Map(
      block.split("\n").filter((line) => line.includes("=")).map((line) => {
        const at = line.indexOf("=");
        return [line.slice(0, at), line.slice(at + 1)];
      }),
    )
  );
}
