/**
 * `grep -HsE -- PATTERN FILE...`.
 *
 * @module
 */

import { readFile } from "../files.ts";
import { asText } from "../tree.ts";
import type { CommandFunction } from "./mod.ts";

/** See the module's text. 0: something was found; 1: nothing; 2: a file could not be read, of which -s says nothing. */
export const grep: CommandFunction = ({ tree }, args) => {
  const [pattern = "", ...files] = args.slice(args.indexOf("--") + 1);
  const form = new RegExp(pattern);
  let missing = false;
  const lines = files.flatMap((file) => {
    const data = readFile(tree, file, 0);
    if (data === undefined) missing = true;
    return data === undefined
      ? []
      : asText(data).split("\n").filter((line) => form.test(line)).map((l) => `${file}:${l}\n`);
  });
  return { code: missing ? 2 : lines.length > 0 ? 0 : 1, stdout: lines.join("") };
};
