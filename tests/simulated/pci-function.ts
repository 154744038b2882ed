/**
 * A PCI function of the simulated host, as it is now.
 *
 * @module
 */

import { DEFAULT_RESETS } from "./attributes.ts";
import type { FunctionSpec } from "./machine.ts";
import type { Nodes } from "./nodes.ts";

/** A function that is there. */
export class PciFunction {
  /** `0000:01:00.0`. */
  readonly address: string;
  /** Driver that it is on. */
  driver?: string;
  /** `driver_override`. */
  override: string | null = null;
  /** `power/control`. */
  control: "on" | "auto";
  /** `d3cold_allowed`. */
  d3cold: boolean;
  /** `reset_method`. */
  resets: readonly string[];
  /** Its configuration space answers. */
  answers = true;
  /** A thread of the kernel holds its lock, and waits. */
  stuck = false;
  /** How often it was reset since it left a driver. */
  resetCount = 0;
  /** It came with a rescan. */
  rescanned = false;
  /** How often drivers that have left it have switched it on and not off. */
  leftOn = 0;
  /** What its driver made. */
  nodes?: Nodes;

  /**
   * A function without a driver.
   *
   * @param spec What it is.
   * @param path Its folder.
   * @param vfs Virtual functions that it can have.
   */
  constructor(readonly spec: FunctionSpec, readonly path: string, readonly vfs: readonly FunctionSpec[]) {
    this.address = spec.address;
    this.control = spec.power ?? "on";
    this.d3cold = spec.d3cold ?? true;
    this.resets = spec.resets ?? DEFAULT_RESETS;
  }

  /** Is it a bridge? */
  get bridge(): boolean {
    return this.spec.class.startsWith("0x0604");
  }
}
