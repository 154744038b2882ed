/**
 * The table of events: what libvirt calls hooks for (docs/libvirt.md 1), and what each means to us. A new operation of
 * libvirt is one line here; until then it is unknown and does nothing.
 *
 * @module
 */

/** The folder of libvirt's hooks; user scripts are in DRIVER.d/OBJECT/OPERATION/SUB below it. */
export const HOOKS = "/etc/libvirt/hooks";
/** The folder of our own programs: libvirt does not look into it, and AppArmor lets libvirtd run what is in it. */
export const PROGRAMS = `${HOOKS}/virt-aid`;
/** Longest XML that is read, in bytes; libvirt takes no definition over 4 MiB. */
export const MAX_XML = 16 * 1024 * 1024;

/** One of our programs, and when it does what it does. */
export interface Phase {
  /** Its name in the folder of our programs. */
  readonly program: "prepare-begin" | "started-begin" | "release-end";
  /** At its deadline it is killed. */
  readonly timeoutMs: number;
  /** What makes it worth starting: something in the XML or the config, or a journal of any guest. */
  readonly when: "marked" | "journaled";
  /** User scripts come before it; otherwise after it. */
  readonly scriptsFirst: boolean;
  /** Its failure is the event's failure. */
  readonly fails: boolean;
}

/** One event. */
export interface Event {
  /** Name of the hook: `qemu`, `network`. */
  readonly driver: string;
  /** What happens: `prepare`. */
  readonly operation: string;
  /** Its part: `begin`, `end`, or `-`. */
  readonly sub: string;
  /**
   * `stops`: a failure ends what libvirt was about to do, so the first failing script is the last one that runs.
   * `reported`: libvirt writes a failure into its log and goes on, so all scripts run. `never`: libvirt would kill a
   * running guest for it, so the exit status is 0 whatever happens.
   */
  readonly failure: "stops" | "reported" | "never";
  /** Standard output is read by libvirt: XML that replaces its own. */
  readonly filter: boolean;
  /** All user scripts of the event together have so long. */
  readonly scriptsMs: number;
  /** Our own part in it. */
  readonly phase?: Phase;
}

/** An event that only user scripts take part in. */
function event(driver: string, operation: string, sub: string, failure: Event["failure"]): Event {
  return { driver, operation, sub, failure, filter: false, scriptsMs: 60_000 };
}

/** What happens to a guest, whatever runs it. */
const guestEvents = (driver: string): Event[] => [
  event(driver, "prepare", "begin", "stops"),
  event(driver, "start", "begin", "stops"),
  event(driver, "started", "begin", "stops"),
  event(driver, "stopped", "end", "reported"),
  event(driver, "release", "end", "reported"),
];

/** Our own programs, by the operation of the driver `qemu` that they belong to. */
const PHASES: Readonly<Record<string, Phase>> = {
  prepare: { program: "prepare-begin", timeoutMs: 60_000, when: "marked", scriptsFirst: true, fails: true },
  started: { program: "started-begin", timeoutMs: 10_000, when: "marked", scriptsFirst: false, fails: false },
  release: { program: "release-end", timeoutMs: 60_000, when: "journaled", scriptsFirst: false, fails: true },
};

/** What our release is told as the extra argument where no libvirt has called it: the one that asked for the start is gone. */
export const ORPHANED = "orphaned";

/** Every event that libvirt has. */
export const EVENTS: readonly Event[] = [
  ...guestEvents("qemu").map((event) => ({ ...event, phase: PHASES[event.operation] })),
  event("qemu", "reconnect", "begin", "never"),
  { ...event("qemu", "restore", "begin", "stops"), filter: true },
  { ...event("qemu", "migrate", "begin", "stops"), filter: true },
  event("qemu", "attach", "begin", "stops"), // not called any more since libvirt 5.5.0
  event("daemon", "start", "-", "reported"),
  event("daemon", "shutdown", "-", "reported"),
  event("daemon", "reload", "begin", "reported"),
  event("network", "start", "begin", "stops"),
  event("network", "started", "begin", "stops"),
  event("network", "updated", "begin", "stops"),
  event("network", "port-created", "begin", "stops"),
  event("network", "port-deleted", "begin", "reported"),
  event("network", "stopped", "end", "reported"),
  ...guestEvents("lxc"),
  event("lxc", "reconnect", "begin", "never"),
  ...guestEvents("libxl"),
  event("libxl", "reconnect", "begin", "never"),
  { ...event("libxl", "migrate", "begin", "stops"), filter: true },
  ...guestEvents("bhyve"),
];

/** The event that a hook was called for; undefined where it is unknown, which is no failure. What is extra is anything. */
export function findEvent(
  events: readonly Event[],
  driver: string,
  operation: string | undefined,
  sub: string | undefined,
): Event | undefined {
  return events.find((event) => event.driver === driver && event.operation === operation && event.sub === sub);
}

/**
 * Why a name from libvirt is unusable as a part of a path; undefined where it is usable. A transient guest may well be
 * called `..` (docs/libvirt.md 10).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { checkName } from "./event.ts";
 *
 * assertEquals(checkName("--help"), undefined);
 * assertEquals(checkName(".."), "it is . or ..");
 * ```
 */
export function checkName(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (name === "." || name === "..") return "it is . or ..";
  if (name.includes("/")) return "it has a slash";
  if (/\p{Cc}/u.test(name)) return "it has a control character";
  if (new TextEncoder().encode(name).length > 255) return "it is longer than 255 bytes";
  return undefined;
}
