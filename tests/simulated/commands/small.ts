/**
 * Programs of the system that need a few lines each.
 *
 * @module
 */

import { readFile } from "../files.ts";
import { type Signal, SIGNALS } from "../roles.ts";
import { asBytes } from "../tree.ts";
import type { CommandFunction } from "./mod.ts";

/** Arguments without options; all behind `--`. */
function operands(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? args.filter((arg) => !arg.startsWith("-")) : args.slice(end + 1);
}

/** `head -c N -- FILE`. */
export const head: CommandFunction = (host, args) => {
  const count = Number(args[args.indexOf("-c") + 1]);
  const path = args.at(-1)!;
  const data = readFile(host.tree, path, 0);
  if (data === undefined) {
    return { code: 1, stderr: `head: cannot open '${path}' for reading: No such file or directory\n` };
  }
  return { code: 0, stdout: asBytes(data).slice(0, count) };
};

/** `kill -SIGNAL -- PID...`, or -PID for its group; here, every program is a group of its own. */
export const kill: CommandFunction = ({ processes }, args) => {
  const signal = args[0]?.slice(1) as Signal;
  if (!Object.hasOwn(SIGNALS, signal)) return { code: 1, stderr: `kill: unknown signal ${args[0]}\n` };
  const stderr = operands(args.slice(1)).map((operand) => Math.abs(Number(operand))).map((pid) => {
    if (!processes.all.has(pid)) return `kill: (${pid}) - No such process\n`;
    processes.signal(pid, signal);
    return "";
  }).join("");
  return { code: stderr === "" ? 0 : 1, stderr };
};

/** `mkdir -p -m MODE -- FOLDER...`. */
export const mkdir: CommandFunction = (host, args) => {
  const mode = parseInt(args[args.indexOf("-m") + 1] ?? "755", 8);
  for (const path of operands(args)) {
    if (host.tree.find(path) === undefined) host.tree.folder(path).mode = mode;
  }
  return { code: 0 };
};

/** `mount -t TYPE ...`: the second view of sysfs or proc; a second mount of sysfs on one folder answers 32. */
export const mount: CommandFunction = (host, args) => {
  const type = args[args.indexOf("-t") + 1]!;
  const folder = args.at(-1)!;
  if (host.tree.find(folder)?.kind !== "folder") {
    return { code: 32, stderr: `mount: ${folder}: mount point does not exist.\n` };
  }
  if (type === "sysfs" && host.mounted.has(type)) {
    return { code: 32, stderr: `mount: ${folder}: sysfs already mounted.\n` };
  }
  host.mounted.add(type);
  return { code: 0 };
};

/** How long udev takes for what it has in its queue. */
const SETTLE_MS = 20;

/** `udevadm settle --timeout=SECONDS`. */
export const udevadm: CommandFunction = ({ clock }, args) => {
  if (!/^settle --timeout=\d+$/.test(args.join(" "))) return { code: 1, stderr: "udevadm: unknown form\n" };
  clock.advance(SETTLE_MS);
  return { code: 0 };
};

/** `virsh dumpxml NAME`. */
export const virsh: CommandFunction = (host, args) => {
  const words = args.filter((arg) => !arg.startsWith("-"));
  const xml = host.guests.get(words[words.indexOf("dumpxml") + 1]!);
  if (xml === undefined) return { code: 1, stderr: "error: failed to get domain\n" };
  return { code: 0, stdout: xml };
};

/** `systemd-inhibit OPTIONS -- PROGRAM...`: takes the lock, then runs the program; that ends with it. elogind's is the same. */
export const inhibit: CommandFunction = ({ processes, caller }, args) => {
  const program = args.slice(args.indexOf("--") + 1);
  const child = processes.spawn({ comm: program[0]!.split("/").at(-1)!, args: program, parent: caller });
  processes.all.get(caller)!.onEnd.push(() => processes.end(child, 143));
  return { code: 0, goesOn: true };
};
