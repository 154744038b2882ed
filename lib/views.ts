/**
 * The second mounts of sysfs and proc under /run/virt-aid. Deno gives /sys and /proc only to programs that may do
 * everything; in a second mount of the same kernel filesystem its path-scoped permissions hold (docs/deno.md). They are no
 * step of a hand-over: they stay until uninstall.
 *
 * @module
 */

import { AidError, failureOf } from "./errors.ts";
import type { System } from "./system.ts";

/** What the mounts are called, and a file that shows that they are there (in the names that `System` translates). */
const VIEWS = [
  { type: "sysfs", folder: "/run/virt-aid/sys", shows: "/sys/kernel" },
  { type: "proc", folder: "/run/virt-aid/proc", shows: "/proc/self" },
] as const;

/** Made in this order, each with mode 0700: nobody but root comes by the mounts. */
const FOLDERS = ["/run/virt-aid", ...VIEWS.map((view) => view.folder), "/run/virt-aid/guests"];

/** Runs a system program that has to succeed. */
async function must(system: System, program: string, args: readonly string[]): Promise<void> {
  const result = await system.run({ program, args, timeoutMs: 5_000 });
  const failure = failureOf(result);
  if (failure === undefined) return;
  throw new AidError(`${program} ${args.join(" ")}: ${failure}`, "run as root, outside of a container");
}

/**
 * Sees to it that both mounts and the folder of the journals are there. Every program calls it before it looks at the
 * machine; where they are there it costs a few file system calls.
 *
 * @throws {AidError} If they cannot be made.
 */
export async function ensureViews(system: System): Promise<void> {
  const missing = () => VIEWS.filter((view) => system.info(view.shows) === undefined);
  // looked at once: another program may be making them at this moment
  const folders = FOLDERS.filter((folder) => system.info(folder) === undefined);
  if (folders.length > 0) await must(system, "/usr/bin/mkdir", ["-p", "-m", "0700", "--", ...folders]);
  if (missing().length === 0) return;
  const lock = await system.lock("/run/virt-aid/views.lock", 5_000);
  if (!lock) throw new AidError("another program has been mounting /run/virt-aid/sys for 5 s", "try again");
  try {
    for (const view of missing()) {
      await must(system, "/usr/bin/mount", ["-t", view.type, "-o", "nosuid,nodev,noexec", view.type, view.folder]);
    }
  } finally {
    lock.release();
  }
}
