/**
 * What processes have open and mapped, and which card it is where that is a card's node.
 *
 * @module
 */

import { basename } from "@std/path/posix";
import { AidError, failureOf } from "../errors.ts";
import type { System } from "../system.ts";

/** What a process has open: what its descriptors lead to, by their numbers. */
export type Descriptors = ReadonlyMap<string, string>;

/** How long ls(1) and grep(1) may take, and how much they may say. */
const LOOK_MS = 5_000;
const MAX_OUTPUT = 16 * 1024 * 1024;

/**
 * The node that a descriptor or mapping refers to. In a chroot, or where /dev is mounted a second time, the path has more in
 * front; that of a node that was made anew says so.
 */
function nodeIn(path: string): string {
  const at = path.lastIndexOf("/dev/");
  return (at > 0 ? path.slice(at) : path).replace(/ \(deleted\)$/, "");
}

/** What a process's descriptors lead to; undefined where we may not look into it; none where it has ended meanwhile. */
export function openFiles(system: System, pid: string): Descriptors | undefined {
  try {
    const fds = system.list(`/proc/${pid}/fd`);
    const links = fds.map((fd) => [fd, system.link(`/proc/${pid}/fd/${fd}`)] as const);
    return new Map(links.flatMap(([fd, path]) => path === undefined ? [] : [[fd, nodeIn(path)]]));
  } catch {
    return system.info(`/proc/${pid}/comm`) === undefined ? new Map() : undefined;
  }
}

/**
 * The same through ls(1), for processes that we may not look into: AppArmor keeps a hook from processes that have profiles
 * of their own, such as a print server, and runs programs of /usr/bin without a profile (docs/libvirt.md 9).
 *
 * @returns By process id; one that ls may not look into either is not in it.
 */
export async function openFilesByLs(system: System, closed: readonly string[]): Promise<Map<string, Descriptors>> {
  const found = new Map<string, Descriptors>();
  if (closed.length === 0) return found;
  const args = ["-lRb", "--", ...closed.map((pid) => `/proc/${pid}/fd/`)];
  // -b: a line feed in a file's name cannot make a line that looks like another folder's; -R, though nothing is below: only
  // then the folder's name stands above a single one too
  const result = await system.run({ program: "/usr/bin/ls", args, timeoutMs: LOOK_MS, maxOutput: MAX_OUTPUT });
  for (const block of `\n${new TextDecoder().decode(result.stdout)}`.split("\n/proc/").slice(1)) {
    const [, pid, lines] = /^(\d+)\/fd\/:\n(total.*)$/s.exec(block) ?? [];
    const links = lines?.split("\n").filter((line) => line.startsWith("l"))
      .map((line) => /\s(\d+) -> (.*)$/.exec(line));
    // where ls may not read a link it prints the line without its target
    if (pid && links?.every((link) => link !== null)) {
      found.set(pid, new Map(links.map(([, fd, path]) => [fd!, nodeIn(path!)])));
    }
  }
  return found;
}

/** What stands in /proc/PID about cards, beside the names of what is open. */
export interface CardUse {
  /** Nodes that processes have mapped, by process id: a mapping keeps a node in use when its descriptor is closed. */
  readonly mapped: ReadonlyMap<string, readonly string[]>;
  /**
   * The card that a node is to a process, by `PID NODE`, where the driver tells it: in a container a card's node may have
   * the name that another card's has outside (docs/vfio.md 4.5).
   */
  readonly cards: ReadonlyMap<string, string>;
}

/** Lines about nodes whose memory a process may have mapped and go on using when it has closed them, and about cards. */
const TELLING = "/dev/(dri/|nvidia|accel/|kfd)|^drm-pdev:";

/**
 * Looks how processes use cards. Through grep(1): the lists of all mappings of a desktop are tens of megabytes.
 *
 * @param open What the processes have open, by process id.
 * @throws {AidError} If it could not look.
 */
export async function cardUse(
  system: System,
  open: ReadonlyMap<string, Descriptors | undefined>,
): Promise<CardUse> {
  const files = [...open].flatMap(([pid, fds]) => {
    const drm = [...fds ?? []].filter(([, node]) => node.startsWith("/dev/dri/"));
    return [`/proc/${pid}/maps`, ...drm.map(([fd]) => `/proc/${pid}/fdinfo/${fd}`)];
  });
  const args = ["-HsE", "--", TELLING, ...files];
  const result = await system.run({ program: "/usr/bin/grep", args, timeoutMs: LOOK_MS, maxOutput: MAX_OUTPUT });
  // 1: there are none; 2: a process has ended meanwhile
  if (result.ended !== "exit" || result.code > 2) {
    throw new AidError(`who has mapped a card cannot be seen: grep ${failureOf(result)}`, "try again");
  }
  const mapped = new Map<string, string[]>();
  const cards = new Map<string, string>();
  for (const line of new TextDecoder().decode(result.stdout).split("\n")) {
    const [, pid, file, text] = /^\/proc\/(\d+)\/(maps|fdinfo\/\d+):(.*)$/.exec(line) ?? [];
    if (!pid || !file || !text) continue;
    const node = /^[^/]* (\/.*)/.exec(text)?.[1];
    if (file !== "maps") cards.set(`${pid} ${open.get(pid)?.get(basename(file))}`, text.replace(/^drm-pdev:\s*/, ""));
    else if (node) mapped.set(pid, [...mapped.get(pid) ?? [], nodeIn(node)]);
  }
  return { mapped, cards };
}
