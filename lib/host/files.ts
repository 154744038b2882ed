/**
 * Are the files there that a guest's XML names? They may lie anywhere and under /dev, where no program of ours may look
 * itself; one call of stat(1) tells it of all of them and gives nothing of their contents.
 *
 * @module
 */

import type { System } from "../system.ts";

/** `unknown`: a file server did not answer in time, or there is no stat(1). */
export type FileState = "present" | "missing" | "unknown";

/** How long a file server may take to answer. */
const STAT_MS = 3_000;

/** State of each file. */
export async function fileStates(system: System, files: readonly string[]): Promise<Record<string, FileState>> {
  if (files.length === 0) return {};
  const result = await system.run({
    program: "/usr/bin/stat",
    args: ["-L", "--printf=%n\\0", "--", ...files],
    timeoutMs: STAT_MS,
  });
  const present = new Set(new TextDecoder().decode(result.stdout).split("\0"));
  const other = result.ended === "exit" ? "missing" : "unknown";
  return Object.fromEntries(files.map((file) => [file, present.has(file) ? "present" : other]));
}
