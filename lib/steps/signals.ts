import type { System } from "../system.ts";

/** Part of the time that programs get to end by themselves; after that they are killed. */
export const PATIENCE = 2 / 3;

/**
 * Ends processes: asks them by signals, and kills those that are left then.
 *
 * @param left Those that are left now.
 * @param ask The signals that ask.
 * @returns Whether all of them have ended.
 */
export async function endAll(
  system: System,
  left: () => readonly number[],
  ask: readonly ("TERM" | "HUP")[],
  timeoutMs: number,
): Promise<boolean> {
  const send = async (signal: string) => {
    const args = [`-${signal}`, "--", ...left().map(String)];
    if (args.length > 2) await system.run({ program: "/usr/bin/kill", args, timeoutMs });
  };
  const over = () => left().length === 0;
  for (const signal of ask) await send(signal);
  if (await system.until(over, timeoutMs * PATIENCE, 50)) return true;
  await send("KILL");
  return await system.until(over, timeoutMs * (1 - PATIENCE), 50) ?? false;
}
