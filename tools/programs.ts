/**
 * The programs that `deno task compile` makes: what they are called, what they are made of, what they may do.
 *
 * @module
 */

/** A program. */
export interface Program {
  /** Name of its file. */
  readonly name: string;
  /** Its entrypoint. */
  readonly source: string;
  /** Its set under "permissions" in deno.json. */
  readonly permissions: string;
}

/**
 * What every program is compiled with. No prompt: the default asks on a terminal for what the set lacks. No code cache: it
 * is a file in TMPDIR that a program of root's would trust whoever owns it. No JIT: no memory that is writable and
 * executable (docs/deno.md).
 */
export const FLAGS: readonly string[] = ["--no-prompt", "--no-code-cache", "--v8-flags=--jitless"];

/** All of them. */
export const PROGRAMS: readonly Program[] = [
  { name: "qemu", source: "hooks/qemu.ts", permissions: "dispatch" },
  { name: "prepare-begin", source: "hooks/prepare-begin.ts", permissions: "prepare" },
  { name: "started-begin", source: "hooks/started-begin.ts", permissions: "started" },
  { name: "release-end", source: "hooks/release-end.ts", permissions: "release" },
  { name: "user-scripts", source: "hooks/user-scripts.ts", permissions: "scripts" },
  { name: "virt-aid", source: "virt-aid.ts", permissions: "operator" },
];
