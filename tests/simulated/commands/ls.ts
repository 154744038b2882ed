/**
 * `ls -lR -- FOLDER...`.
 *
 * @module
 */

import { listFolder, readLink } from "../files.ts";
import type { CommandFunction } from "./mod.ts";

/** See the module's text. A folder's name stands above it; one that is closed is left out. */
export const ls: CommandFunction = ({ tree }, args) => {
  const folders = args.slice(args.indexOf("--") + 1);
  const blocks: string[] = [];
  let stderr = "";
  for (const folder of folders) {
    const path = folder.replace(/\/$/, "");
    try {
      const lines = listFolder(tree, path, 0).map((name) => {
        const target = readLink(tree, `${path}/${name}`);
        return `lrwx------ 1 root root 64 Jan  2 03:04 ${name}${target === undefined ? "" : ` -> ${target}`}\n`;
      });
      blocks.push(`${folder}:\ntotal 0\n${lines.join("")}`);
    } catch {
      stderr += `ls: cannot open directory '${folder}': Permission denied\n`;
    }
  }
  return { code: stderr === "" ? 0 : 2, stdout: blocks.join("\n"), stderr };
};
