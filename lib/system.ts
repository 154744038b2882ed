/**
 * The one door to the machine. Everything that the product reads, writes, runs or waits for goes through here, under the
 * names that the field uses (`/sys/bus/pci/devices/...`, `/proc/1/comm`): where these lie is the implementation's business
 * (lib/real-system.ts reads /sys through a second mount of it; tests/simulated keeps a whole host in memory).
 *
 * Files are read and written synchronously: the kernel answers in microseconds, and one thread of execution makes "the
 * journal is in place before the step" true by reading the code.
 *
 * @module
 */

/** What `lstat` says about a path. */
export interface FileInfo {
  /** What lies there; a symbolic link is not followed. */
  readonly kind: "file" | "folder" | "link" | "other";
  /** Owner. */
  readonly uid: number;
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  /** Size in bytes. */
  readonly size: number;
}

/** A program to run. */
export interface Command {
  /** Absolute path; never looked up in PATH. */
  readonly program: string;
  /** Arguments, passed as they are: there is no shell. */
  readonly args: readonly string[];
  /** After so many milliseconds its whole process group is killed and the wait ends. */
  readonly timeoutMs: number;
  /** Given to the program as standard input; without it that is /dev/null. */
  readonly stdin?: Uint8Array;
  /** At most so many bytes of standard output are kept, the rest is read and dropped. Default 1 MiB; 0 gives it /dev/null. */
  readonly maxOutput?: number;
}

/** How a program ended. */
export interface CommandResult {
  /** `exit`: by itself or by a signal; `timeout`: killed, and not waited for; `missing`: there is no such program. */
  readonly ended: "exit" | "timeout" | "missing";
  /** Exit status, 128 + n for signal n; -1 where there is none. */
  readonly code: number;
  /** Standard output, bounded by `maxOutput`. */
  readonly stdout: Uint8Array;
  /** Standard error, its first 64 KiB, as text. */
  readonly stderr: string;
}

/** A lock that is held. The kernel frees it with the process, however that ends. */
export interface Lock {
  /** Gives it back. */
  release(): void;
}

/** The door to the machine; see the module's text. */
export interface System {
  /** Name that this program was called by, without its folder: `qemu`, `daemon`, `prepare-begin`. */
  readonly program: string;
  /** Own process id. */
  readonly pid: number;
  /** Effective user id. */
  readonly uid: number;
  /** Parent's process id as it is now; it changes when the parent dies. */
  parent(): number;

  /** All of standard input; undefined where it has more than `max` bytes. */
  input(max: number): Promise<Uint8Array | undefined>;
  /** Writes to standard error, where libvirt finds the reason of a failure. A reader that went away is no error. */
  complain(text: string): void;
  /** Writes to standard output. Never in a hook, but for the XML that a filter event passes on. */
  print(data: string | Uint8Array): void;

  /** A file's text; undefined where there is no such file. Throws what the kernel says otherwise. */
  read(path: string): string | undefined;
  /** A file's first `max` bytes; undefined where there is no such file. */
  readBytes(path: string, max: number): Uint8Array | undefined;
  /** Names in a folder in byte order; none where there is no such folder. */
  list(path: string): readonly string[];
  /** What a symbolic link says, as it is written; undefined where there is no such link. */
  link(path: string): string | undefined;
  /** What lies at a path, links not followed; undefined where there is nothing. */
  info(path: string): FileInfo | undefined;

  /** One write(2) into a file that exists: a sysfs attribute. Throws what the driver answers. May never return. */
  write(path: string, text: string): void;
  /** Puts a whole file in place: written beside it, then renamed over it. */
  save(path: string, text: string): void;
  /** Adds to the end of a file, made where it is not there. */
  append(path: string, text: string): void;
  /** Renames. */
  move(from: string, to: string): void;
  /** Removes a file; it may be missing. */
  remove(path: string): void;
  /** Makes a folder and those above it, readable by their owner alone; it may exist. */
  makeFolder(path: string): void;

  /** Runs a program in a process group of its own, with a fixed small environment, until it exits or its time is up. */
  run(command: Command): Promise<CommandResult>;
  /** Starts a program that outlives this one, all three descriptors on /dev/null. */
  start(program: string, args: readonly string[]): void;
  /** Kills a process with KILL. */
  kill(pid: number): Promise<void>;

  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** The calendar's time. */
  date(): Date;
  /** Waits until `look` gives something other than undefined or false, looking every `pollMs`; undefined when time is up. */
  until<T>(look: () => T | undefined | false, timeoutMs: number, pollMs?: number): Promise<T | undefined>;
  /**
   * Takes flock(2) on a file, made where it is not there, and writes the own pid into it; undefined when time is up. After
   * that the caller ends soon: a lost wait cannot be withdrawn and may still take the lock (docs/deno.md).
   */
  lock(path: string, timeoutMs: number): Promise<Lock | undefined>;
}
