/**
 * `stat -L --printf=FORMAT -- PATH...`.
 *
 * @module
 */

import { infoOf, type Node } from "../tree.ts";
import type { CommandFunction } from "./mod.ts";

const TYPES = { folder: "directory", link: "symbolic link" } as const;

/** What a node is, in stat's words. */
function typeOf(node: Node): string {
  if (node.kind === "other") return node.type;
  if (node.kind === "file") return infoOf(node).size === 0 ? "regular empty file" : "regular file";
  return TYPES[node.kind];
}

/** What a `%` letter stands for. */
const LETTERS: Readonly<Record<string, (node: Node, path: string) => string>> = {
  "%": () => "%",
  n: (_, path) => path,
  F: typeOf,
  s: (node) => String(infoOf(node).size),
  a: (node) => infoOf(node).mode.toString(8),
  u: (node) => String(infoOf(node).uid),
  t: (node) => node.kind === "other" ? node.major.toString(16) : "0",
  T: (node) => node.kind === "other" ? node.minor.toString(16) : "0",
};

const ESCAPES: Readonly<Record<string, string>> = { "\\t": "\t", "\\n": "\n", "\\0": "\0", "\\\\": "\\" };

/** See the module's text. A path that is missing is told on standard error, and makes the status 1. */
export const stat: CommandFunction = (host, args) => {
  const format = args.find((arg) => arg.startsWith("--printf="))?.slice("--printf=".length) ?? "%n\\n";
  const end = args.indexOf("--");
  const paths = end < 0 ? args.filter((arg) => !arg.startsWith("-")) : args.slice(end + 1);
  let stdout = "";
  let stderr = "";
  for (const path of paths) {
    const node = host.tree.find(path, args.includes("-L"));
    if (node === undefined) stderr += `stat: cannot statx '${path}': No such file or directory\n`;
    else {
      stdout += format.replace(/\\[tn0\\]/g, (escape) => ESCAPES[escape]!)
        .replace(/%([%nFsautT])/g, (_, letter: string) => LETTERS[letter]!(node, path));
    }
  }
  return { code: stderr === "" ? 0 : 1, stdout, stderr };
};
