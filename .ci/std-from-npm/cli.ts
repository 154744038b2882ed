/** `@std/cli/parse-args` from npm, where it comes without types; see cli.d.ts. */
// @ts-types="./cli.d.ts"
export * from "npm:deno-std@1.4.0/cli/parse_args.js";
