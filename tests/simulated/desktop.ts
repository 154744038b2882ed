/**
 * What runs on a machine beside single processes, as plain data: units of systemd, services of other init systems, and
 * sessions of logind.
 *
 * @module
 */

import type { ProcessSpec } from "./machine.ts";

/** A unit of systemd. */
export interface UnitSpec {
  /** `gdm.service`, `graphical-session.target`, `pipewire.socket`. */
  readonly name: string;
  /** Other names of it: `display-manager.service`. */
  readonly aliases?: readonly string[];
  /** Id of the user whose manager has it; without it, the system has it. */
  readonly user?: number;
  /** Slice that it is in: `session.slice`; `app.slice`, or `system.slice` of the system, where this is not said. */
  readonly slice?: string;
  /**
   * When the machine, or the manager of its user, is up; `active` where this is not said. `activating`: it becomes
   * active after `startsAfter`; `queued`: so too, and until then it is inactive with a job, as one that waits for
   * others.
   */
  readonly state?: "active" | "inactive" | "activating" | "queued";
  /** What is started with it, in its control group; the first is its main process. */
  readonly processes?: readonly ProcessSpec[];
  /** Milliseconds from `start` until it is active and its processes are there; 0 where this is not said. */
  readonly startsAfter?: number;
  /** Milliseconds from `stop` until its processes get TERM; 0 where this is not said. */
  readonly stopsAfter?: number;
  /** It is started again when its main process ends by itself. */
  readonly restart?: "always";
  /** After so many starts there is no other before `reset-failed`; 5 within 10 seconds where this is not said. */
  readonly startLimit?: number;
  /** Units of the same manager that start when it is started, as with Wants. */
  readonly starts?: readonly string[];
  /** Units of the same manager that stop with it, as with PartOf and BindsTo. */
  readonly stops?: readonly string[];
  /** Sockets that start it again while they are active. */
  readonly triggeredBy?: readonly string[];
  /**
   * Sessions that it starts when it is started, and when the last session that is its own has ended: the greeter of a
   * display manager; a login that a getty does by itself, which then stands in for its main process.
   */
  readonly sessions?: readonly string[];
}

/** A service of OpenRC, runit, s6 or dinit. */
export interface ServiceSpec {
  /** `lightdm`; `lightdm-srv`. */
  readonly name: string;
  /** Other names that it can be told by: a bundle of s6-rc with nothing else in it. */
  readonly aliases?: readonly string[];
  /** When the machine is up; `up` where this is not said. */
  readonly state?: "up" | "down";
  /** What is started with it, each after the one that starts it; the first is its main process. */
  readonly processes: readonly ProcessSpec[];
  /** Is it started again when its main process ends by itself? As its init system does, where this is not said. */
  readonly restart?: boolean;
  /** Milliseconds from the order to start until its processes are there; 0 where this is not said. */
  readonly startsAfter?: number;
  /** Sessions that it starts when it is started, and when the last session that is its own has ended: the greeter. */
  readonly sessions?: readonly string[];
}

/** A session of logind. */
export interface SessionSpec {
  /** `2`, `c1`; one that is started a second time gets the next number. */
  readonly id: string;
  /** Its user's id. */
  readonly uid: number;
  /** Its user's name. */
  readonly user: string;
  /** Its seat; none for one from elsewhere. */
  readonly seat?: "seat0";
  /** What it shows. */
  readonly type: "tty" | "x11" | "wayland" | "unspecified";
  /** What it is for. */
  readonly class: "user" | "greeter" | "manager" | "background";
  /** Somebody is logged in from elsewhere. */
  readonly remote?: boolean;
  /** `tty2`, `pts/0`. */
  readonly tty?: string;
  /** The PAM service: `gdm-password`, `login`, `sshd`. */
  readonly service: string;
  /** What is in its scope; the first is its leader. */
  readonly processes: readonly ProcessSpec[];
  /** Unit or service of the system that it belongs to, and that it ends with: its display manager, its getty. */
  readonly unit?: string;
  /** It lives on when that unit stops (docs/vfio.md F10). */
  readonly survives?: boolean;
  /** It is not there when the machine is up: a unit starts it later. */
  readonly later?: boolean;
  /** Device nodes that logind opens for it and keeps open until it is gone. */
  readonly devices?: readonly string[];
}
