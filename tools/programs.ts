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

/** All of them. */
export const PROGRAMS: readonly Program[] = [
  { name: "qemu", source: "hooks/qemu.ts", permissions: "dispatch" },
  { name: "prepare-begin", source: "hooks/prepare-begin.ts", permissions: "prepare" },
  { name: "started-begin", source: "hooks/started-begin.ts", permissions: "started" },
  { name: "release-end", source: "hooks/release-end.ts", permissions: "release" },
  { name: "user-scripts", source: "hooks/user-scripts.ts", permissions: "scripts" },
  { name: "virt-aid", source: "virt-aid.ts", permissions: "operator" },
];
