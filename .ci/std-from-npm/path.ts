/** `@std/path` and `@std/path/posix` from npm, where they come without types; see path.d.ts. */
// @ts-types="./path.d.ts"
export * from "npm:deno-std@1.4.0/path/posix/mod.js";
