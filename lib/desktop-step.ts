/**
 * Steps by which those go who use the host's functions: services, sessions, processes. See lib/step.ts.
 *
 * @module
 */

import type { UnitUser } from "./host/inits/init.ts";

/** A step that waits for others. */
export interface Limited {
  /** How long it may take at most, in milliseconds. */
  readonly limitMs: number;
}

/** Keeps the host awake while the guest has a card: one that slept in between may not wake up (docs/vfio.md F25, M8). */
export interface InhibitSleep {
  /** Discriminant. */
  readonly kind: "inhibit-sleep";
  /** What people are told who want to send the host to sleep. */
  readonly why: string;
}

/** Keeps units of systemd from being started until the guest has ended: a login prompt that would log in again. */
export interface MaskUnits {
  /** Discriminant. */
  readonly kind: "mask-units";
  /** Their names. */
  readonly units: readonly string[];
  /** Display functions that the desktop has to do without; another guest that takes one of them relies on this too. */
  readonly cards?: readonly string[];
}

/** Stops a service, or another unit of systemd. */
export interface StopService extends Limited {
  /** Discriminant. */
  readonly kind: "stop-service";
  /** Its name. */
  readonly service: string;
  /** Whose it is; a service of the system where nobody is named. */
  readonly user?: UnitUser;
  /** It is started again when the guest has ended. */
  readonly back: boolean;
  /** See {@linkcode MaskUnits}. */
  readonly cards?: readonly string[];
}

/** Starts a service that was stopped a few steps before, and does without the function by now. */
export interface StartService {
  /** Discriminant. */
  readonly kind: "start-service";
  /** Its name. */
  readonly service: string;
  /** Whose it is; a service of the system where nobody is named. */
  readonly user?: UnitUser;
}

/** Ends a session of logind. It does not come back by itself: a display manager or a login prompt makes a new one. */
export interface EndSession extends Limited {
  /** Discriminant. */
  readonly kind: "end-session";
  /** Its id. */
  readonly id: string;
  /** Its user, for people. */
  readonly user: string;
}

/** Ends a login on a text console without a session of logind. It does not come back by itself. */
export interface EndLogin extends Limited {
  /** Discriminant. */
  readonly kind: "end-login";
  /** The console, `tty1`. */
  readonly tty: string;
  /** Its user, for people. */
  readonly user: string;
  /** Process id of its first process. */
  readonly pid: number;
  /** Start time of that, in clock ticks since boot. */
  readonly start: string;
}

/** Ends processes that the administrator wants to go although nothing is known of them. */
export interface EndProcess extends Limited {
  /** Discriminant. */
  readonly kind: "end-process";
  /** Process id. */
  readonly pid: number;
  /** Its start time, in clock ticks since boot: tells a pid that was used again. */
  readonly start: string;
  /** Its name, for people. */
  readonly name: string;
}

/** Waits until nobody has a node of these functions open. */
export interface WaitUnused extends Limited {
  /** Discriminant. */
  readonly kind: "wait-unused";
  /** The functions. */
  readonly addresses: readonly string[];
}

/** Steps by which a guest keeps the desktop away from its cards. */
export type Away = (MaskUnits | StopService) & { readonly cards: readonly string[] };

/** Is a step one of those? */
export function isAway(step: { readonly kind: string }): step is Away {
  return /^(mask-units|stop-service)$/.test(step.kind) && "cards" in step && step.cards !== undefined;
}
