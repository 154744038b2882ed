/**
 * Signals, and processes that do something else with signals than to end, or that live for what they have started: what a login on a
 * text console is made of, and a display manager.
 *
 * @module
 */

/** Signals that are sent here, and their numbers. */
export const SIGNALS = { HUP: 1, KILL: 9, TERM: 15 } as const;

/** Name of a signal. */
export type Signal = keyof typeof SIGNALS;

/** What is special about a process. */
export interface Behaviour {
  /** Signals that do not end it. */
  readonly survives: readonly Signal[];
  /** What its children get when it survives a signal. */
  readonly passes?: Signal;
  /** It ends when one of its children has ended; `told`: when all have, and it was told to end. */
  readonly waits?: "one" | "told";
  /** What its children get when it ends other than by KILL. */
  readonly ends?: Signal;
}

/** By name. */
export const ROLES = {
  /** login of util-linux: it passes signals on to the shell, with HUP, because a shell often ignores TERM. */
  login: { survives: ["TERM", "HUP"], passes: "HUP", waits: "one" },
  /** A shell that somebody types into. With it the terminal goes, and who is on that gets HUP from the kernel. */
  shell: { survives: ["TERM"] },
  /** A shell that runs a program, and waits for it. */
  script: { survives: [], waits: "one" },
  /** xinit: it ends with the X server and with the first client, and ends the other. */
  xinit: { survives: [], waits: "one", ends: "TERM" },
  /** A supervisor of one program. */
  supervisor: { survives: ["TERM"], passes: "TERM", waits: "one" },
  /** A display manager: it has ended what it has started before it ends. */
  manager: { survives: ["TERM"], passes: "TERM", waits: "told" },
} as const satisfies Readonly<Record<string, Behaviour>>;

/** Name of one. */
export type Role = keyof typeof ROLES;

/** What a process of that role does. */
export function behaviour(role: Role | undefined): Behaviour {
  return role ? ROLES[role] : { survives: [] };
}
