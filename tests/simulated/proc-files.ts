/**
 * What /proc/PID says of a process.
 *
 * @module
 */

import type { SimulatedHost } from "./host.ts";
import type { SimulatedProcess } from "./processes.ts";
import { SIGNALS } from "./roles.ts";
import { File, Folder, Link } from "./tree.ts";

/** A mask of signals that are to come yet: KILL. */
const KILL_PENDING = (1 << (SIGNALS.KILL - 1)).toString(16).padStart(16, "0");
/** Major number of the text consoles; the minor one is that of the console. */
const CONSOLES = 4;

/** Number of a terminal as /proc/PID/stat has it; 0 for none. */
function terminal(tty: string | undefined): number {
  const number = /^tty(\d+)$/.exec(tty ?? "")?.[1];
  return number === undefined ? 0 : CONSOLES << 8 | Number(number);
}

/** Fields 3 to 24 of /proc/PID/stat (proc(5)). Those from 9 to 21 are of no interest here, 22 is the start. */
function fields(process: SimulatedProcess): string {
  const { pid, state, parent, session, tty, started } = process;
  const group = tty === undefined ? -1 : session;
  return [state, parent, pid, session, terminal(tty), group, ...Array(13).fill(0), started, 0, 0].join(" ");
}

/** Puts its folder in place. */
export function publishProcess({ tree }: SimulatedHost, process: SimulatedProcess): void {
  const { pid, spec } = process;
  const { comm, args = [], uid = 0, maps = [] } = spec;
  const env = () => Object.entries({ ...spec.display ? { DISPLAY: ":0" } : {}, ...spec.env });
  const folder = new Folder(0o555, uid);
  const file = (name: string, content: () => string, mode = 0o444) =>
    folder.children.set(name, new File(content, mode, undefined, uid));
  file("comm", () => `${comm}\n`);
  file("cmdline", () => args.map((arg) => `${arg}\0`).join(""));
  file("stat", () => `${pid} (${comm}) ${fields(process)}\n`);
  file(
    "status",
    () =>
      `Name:\t${comm}\nState:\t${process.state}\nTgid:\t${pid}\nPid:\t${pid}\nPPid:\t${process.parent}\n` +
      `Uid:\t${uid}\t${uid}\t${uid}\t${uid}\nGid:\t${uid}\t${uid}\t${uid}\t${uid}\n` +
      `SigPnd:\t${"0".repeat(16)}\nShdPnd:\t${process.killed ? KILL_PENDING : "0".repeat(16)}\n`,
  );
  file("cgroup", () => `0::${process.cgroup}\n`);
  file("environ", () => env().map(([name, value]) => `${name}=${value}\0`).join(""), 0o400);
  file(
    "maps",
    () => maps.map((path) => `7f0000000000-7f0000010000 rw-s 00000000 00:06 400 ${path}\n`).join(""),
    0o400,
  );
  if (args[0] !== undefined) folder.children.set("exe", new Link(args[0]));
  if (spec.cwd !== undefined) folder.children.set("cwd", new Link(spec.cwd));
  folder.children.set("fd", new Folder(0o500, uid));
  folder.children.set("fdinfo", new Folder(0o555, uid));
  tree.folder("/proc").children.set(String(pid), folder);
}

/** The file of a descriptor in its folder `fdinfo`, with what DRM adds to it. */
export function descriptorInfo({ pci }: SimulatedHost, path: string): File {
  const fn = path.startsWith("/dev/dri/")
    ? [...pci.functions.values()].find((fn) => fn.nodes?.devices.includes(path))
    : undefined;
  const drm = fn ? `drm-driver:\t${fn.driver}\ndrm-pdev:\t${fn.address}\n` : "";
  return new File(() => `pos:\t0\nflags:\t0100002\nmnt_id:\t26\n${drm}`, 0o400);
}
