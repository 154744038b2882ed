/**
 * The kernel's errors as Deno throws them: class and text as measured with real files (docs/deno.md).
 *
 * @module
 */

/** Number, text and Deno's class for each error that the simulated kernel answers. */
const ERRORS = {
  EPERM: [1, "Operation not permitted", Deno.errors.PermissionDenied],
  ENOENT: [2, "No such file or directory", Deno.errors.NotFound],
  EIO: [5, "Input/output error", Error],
  EACCES: [13, "Permission denied", Deno.errors.PermissionDenied],
  EBUSY: [16, "Device or resource busy", Deno.errors.Busy],
  ENODEV: [19, "No such device", Error],
  ENOTDIR: [20, "Not a directory", Deno.errors.NotADirectory],
  EISDIR: [21, "Is a directory", Deno.errors.IsADirectory],
  EINVAL: [22, "Invalid argument", TypeError],
  ENOSPC: [28, "No space left on device", Error],
  ERANGE: [34, "Numerical result out of range", Error],
  ENOTEMPTY: [39, "Directory not empty", Error],
  ELOOP: [40, "Too many levels of symbolic links", Deno.errors.FilesystemLoop],
} as const;

/** Name of an error of the kernel. */
export type Errno = keyof typeof ERRORS;

/**
 * An error of the kernel.
 *
 * @param code Which one.
 * @param about What Deno adds for calls that name a path: `open '/nope'`. Writes that a driver refuses have none.
 */
export function kernelError(code: Errno, about?: string): Error {
  const [number, text, Kind] = ERRORS[code];
  return new Kind(`${text} (os error ${number})${about === undefined ? "" : `: ${about}`}`);
}

/** What a program of the system says of an error of the kernel; a call that does not return says nothing. */
export function errorText(error: unknown): string {
  if (error instanceof Hung) throw error;
  return (error as Error).message.replace(/ \(.*/, "");
}

/** Thrown by every call of a process that was killed: nothing that it does afterwards has any effect. */
export class Killed extends Error {
  /** Name of the class. */
  override readonly name = "Killed";
}

/**
 * Thrown where a call does not return: its thread sits in the kernel. The process counts as stuck from then on, even if the
 * program catches this, because on a real machine no line after the call would ever run.
 */
export class Hung extends Error {
  /** Name of the class. */
  override readonly name = "Hung";

  /** The call is made again when the kernel stops waiting: it has only waited for a lock so far. */
  readonly again: boolean;

  /**
   * A call that does not return.
   *
   * @param what What it waits for.
   * @param over Tells when the kernel stops waiting; without it, never.
   * @param act What the kernel does then, though the process may have been killed meanwhile; without it, {@linkcode again}.
   */
  constructor(what: string, readonly over: () => boolean = () => false, act?: () => void) {
    super(what);
    this.again = act === undefined;
    this.act = act ?? (() => {});
  }

  /** What the kernel does when it stops waiting. */
  readonly act: () => void;
}
