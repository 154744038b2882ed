// Types of `@std/cli/parse-args` 1.x: npm's copy of it is plain JavaScript. What these types accept, the real ones
// accept, and they say the same about the result; dotted names and negatable strings are left out.

export interface ParseOptions<B extends string, S extends string, C extends string, D, DoubleDash> {
  "--"?: DoubleDash;
  alias?: Record<string, string | readonly string[]>;
  boolean?: readonly B[];
  collect?: readonly C[];
  default?: D;
  negatable?: readonly string[];
  stopEarly?: boolean;
  string?: readonly S[];
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** A string option's type: a list where it is collected, never undefined where it has a default. */
type StringOption<K, C, D> = K extends C ? string[] : K extends keyof D ? string | D[K] : string | undefined;

export type Args<B extends string, S extends string, C extends string, D, DoubleDash> =
  & Record<string, unknown>
  & { [K in B]: K extends keyof D ? boolean | D[K] : boolean }
  & { [K in S]: StringOption<K, C, D> }
  & { _: (string | number)[] }
  & (DoubleDash extends true ? { "--": string[] } : unknown);

export function parseArgs<
  B extends string = never,
  S extends string = never,
  C extends string = never,
  D extends Record<string, unknown> = Record<never, never>,
  DoubleDash extends boolean = false,
>(args: readonly string[], options?: ParseOptions<B, S, C, D, DoubleDash>): Args<B, S, C, D, DoubleDash>;
