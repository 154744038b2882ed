/**
 * What a person with a black screen gets to read: one line that says what happened, one that says what to do.
 *
 * @module
 */

import type { CommandResult } from "./system.ts";

/** An error with a message for people and a hint that says what to do about it. */
export class AidError extends Error {
  /** Tells it from other errors. */
  override readonly name = "AidError";
  /** What the person can do now, one sentence. */
  readonly hint?: string;

  /**
   * An error.
   *
   * @param message What happened, one sentence without a full stop at its end.
   * @param hint What to do about it.
   */
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** Why a program that was run has failed, in its own first words where it has any; undefined where it has not. */
export function failureOf({ ended, code, stderr }: CommandResult): string | undefined {
  if (ended === "exit" && code === 0) return undefined;
  return stderr.trim().split("\n")[0] || (ended === "exit" ? `status ${code}` : ended);
}

/** Longest first line in bytes: libvirt puts some 250 bytes of its own before it (docs/libvirt.md 3). */
const FIRST_LINE = 199;
/** Longest report in bytes: over 4 MiB libvirt drops the connection, and nobody reads more than a screen. */
const REPORT = 1023;

/** Longest guest's name and hint in it, so that both leave room for the reason. */
const NAME = 64;
const HINT = 320;

/** Characters that reorder, hide or break a line on a terminal: controls, separators, bidi marks, zero widths. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu;

/**
 * Makes a text from outside (a guest's name, a process's name) safe to show: what could move the cursor, reorder the
 * line or hide itself is written as `\u{..}`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { printable } from "./errors.ts";
 *
 * assertEquals(printable("win\n11"), "win\\u{a}11");
 * ```
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
}

/** What to do about errors of the system itself, by what the kernel says. */
const KERNEL_HINTS: readonly (readonly [says: RegExp, hint: string])[] = [
  [/No space left|Disk quota/, "make room: `df -h /run /var` shows what is full"],
  [
    /Permission denied|Operation not permitted|NotCapable/,
    "look at who may write there: `ls -ld` of the folder; SELinux or AppArmor may have denied it",
  ],
  [/Read-only file system/, "mount it for writing"],
];

/** What to do about an error; undefined for one of ours that says nothing about that. */
export function hintOf(error: unknown): string | undefined {
  if (error instanceof AidError) return error.hint;
  const message = error instanceof Error ? error.message : String(error);
  return KERNEL_HINTS.find(([says]) => says.test(message))?.[1] ??
    "nobody thought of this: please report it, with the end of /var/log/virt-aid/virt-aid.log";
}

/** Cuts a text to so many bytes of UTF-8, at a character's border, with `...` where something was cut. */
function cut(text: string, bytes: number): string {
  const encoder = new TextEncoder();
  if (encoder.encode(text).length <= bytes) return text;
  const target = new Uint8Array(bytes - 3);
  const { read } = encoder.encodeInto(text, target);
  return text.slice(0, read) + "...";
}

/**
 * The one place that turns an error into what libvirt and the person see. First line under 200 bytes, all of it under
 * 1 KiB, every name printable.
 *
 * @param error Anything that was thrown.
 * @param guest The guest that it concerns.
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { AidError, report } from "./errors.ts";
 *
 * const error = new AidError("IOMMU is off", "turn it on in the firmware");
 * assertEquals(report(error, "win11"), "virt-aid: win11: IOMMU is off\nhint: turn it on in the firmware\n");
 * ```
 */
export function report(error: unknown, guest?: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const [first, ...more] = message.split("\n");
  const name = guest === undefined ? [] : [cut(printable(guest), NAME)];
  const head = ["virt-aid", ...name, printable(first ?? "")].join(": ");
  const lines = [cut(head, FIRST_LINE), ...more.map(printable)];
  const todo = hintOf(error);
  const hint = todo ? `\nhint: ${cut(printable(todo), HINT)}` : "";
  const room = REPORT - new TextEncoder().encode(hint).length - 1;
  return `${cut(lines.join("\n"), room)}${hint}\n`;
}
