/**
 * What an init system can be asked for, and told: one file beside this one for each, lib/host/inits/mod.ts the table of
 * them.
 *
 * @module
 */

import type { System } from "../../system.ts";

/** Names of init systems. */
export type InitName = "systemd" | "OpenRC" | "runit" | "s6" | "dinit";

/** A service, or another unit of systemd. */
export interface Unit {
  /** Its name; of an alias such as display-manager.service, what that stands for. */
  readonly name: string;
  /** `starting`: also one whose start is in the queue; `inactive`: also one that has failed, or that nobody knows. */
  readonly state: "active" | "starting" | "stopping" | "inactive";
}

/** Whose manager has a unit; systemd alone has such. */
export interface UnitUser {
  /** Name of the user. */
  readonly name: string;
  /** Number of the user. */
  readonly uid: number;
}

/** The functions of an init system. */
export interface Init {
  /** Its name. */
  readonly name: InitName;
  /** Does it run this host? */
  here(system: System): boolean;
  /**
   * Services by their names, in that order.
   *
   * @throws {AidError} If it cannot be asked.
   */
  show(system: System, names: readonly string[], user?: UnitUser): Promise<Unit[]>;
  /**
   * Has a service started or stopped; where it can be told without that, nobody waits for it. One that is stopped stays so
   * until somebody starts it.
   *
   * @param limitMs Milliseconds that it may take at most. Where a change that is broken off would leave harm behind, it
   * goes on after that, and is no failure yet.
   * @throws {AidError} If it refuses, or takes longer.
   */
  order(system: System, what: "start" | "stop", service: string, limitMs: number, user?: UnitUser): Promise<void>;
  /**
   * Processes of a service, as far as they can be told from others: what one of them holds, the service holds.
   *
   * @throws {AidError} If it cannot be asked.
   */
  processes(system: System, service: string, user?: UnitUser): Promise<number[]>;
  /**
   * Processes that a stop of a service waits for, where these are not all of `processes`: an init system that ends the
   * daemon alone leaves alone what somebody has left running in the background. What of that holds a card is seen when the
   * card is to go.
   */
  left?(system: System, service: string): Promise<number[]>;
  /** Is the host on its way down? Then nothing is to be started any more. */
  isStopping(system: System): Promise<boolean>;
  /** What a person can run to see how a service is. */
  status(service: string): string;
  /** What a person can run to stop one. */
  stopCommand(service: string): string;
  /** Names that the service of the login prompt on a terminal, `tty1`, may have. */
  gettys(tty: string): readonly string[];
  /** Has failures of a service forgotten, where they are counted. */
  resetFailed?(system: System, service: string, user?: UnitUser): Promise<void>;
}
