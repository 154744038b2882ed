/**
 * A simulated machine with our programs installed and a libvirtd on it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { virtAid } from "../../lib/cli/mod.ts";
import { dispatch } from "../../lib/dispatch.ts";
import { prepareBegin } from "../../lib/phases/prepare.ts";
import { releaseEnd } from "../../lib/phases/release.ts";
import { startedBegin } from "../../lib/phases/started.ts";
import { userScripts } from "../../lib/scripts.ts";
import type { Fault } from "../simulated/faults.ts";
import { SimulatedHost } from "../simulated/host.ts";
import { SimulatedLibvirt } from "../simulated/libvirt.ts";
import type { Machine } from "../simulated/machine.ts";
import type { Main, Outcome, SimulatedSystem } from "../simulated/process.ts";

const HOOKS = "/etc/libvirt/hooks";

/** Our programs by the path that they are installed at. */
export const PROGRAMS: Readonly<Record<string, Main>> = {
  [`${HOOKS}/qemu`]: dispatch,
  [`${HOOKS}/daemon`]: dispatch,
  [`${HOOKS}/virt-aid/prepare-begin`]: prepareBegin,
  [`${HOOKS}/virt-aid/started-begin`]: startedBegin,
  [`${HOOKS}/virt-aid/release-end`]: releaseEnd,
  [`${HOOKS}/virt-aid/user-scripts`]: userScripts,
  [`${HOOKS}/virt-aid/virt-aid`]: virtAid,
};

/** A machine with everything on it. */
export class World {
  /** The machine. */
  readonly host: SimulatedHost;
  /** The daemon. */
  readonly libvirt: SimulatedLibvirt;

  /** Installs it. */
  constructor(machine: Machine, faults: readonly Fault[] = []) {
    this.host = new SimulatedHost(machine, faults);
    this.host.install(PROGRAMS);
    this.libvirt = new SimulatedLibvirt(this.host);
  }

  /** Starts one of our programs by hand. */
  start(name: string, args: readonly string[] = [], stdin = "", parent = this.libvirt.process.pid): SimulatedSystem {
    const program = name === "qemu" || name === "daemon" ? `${HOOKS}/${name}` : `${HOOKS}/virt-aid/${name}`;
    return this.host.start(PROGRAMS[program]!, { program, args, stdin, parent });
  }

  /** Runs one of our programs by hand, to its end. */
  run(name: string, args: readonly string[] = [], stdin = ""): Promise<Outcome> {
    return this.start(name, args, stdin).ended;
  }

  /** Waits until programs that were started in the background, such as a recovery, have ended or sit in the kernel. */
  async settled(): Promise<void> {
    const ours = (comm: string) => Object.keys(PROGRAMS).some((path) => path.endsWith(`/${comm}`));
    const busy = () =>
      [...this.host.processes.all.values()].some((process) =>
        ours(process.spec.comm) && !process.gone && !process.killed && process.hung === undefined
      );
    const waits: Main = async (system) => await system.until(() => !busy(), 600_000) ? 0 : 1;
    assertEquals((await this.host.start(waits, { program: "/usr/bin/wait" }).ended).code, 0);
  }

  /** Journals that are there. */
  get journals(): readonly string[] {
    return Object.keys(this.host.tree.texts("/run/virt-aid/guests")).filter((path) => path.endsWith(".json"));
  }

  /** Past runs, newest last. */
  get history(): readonly { outcome: string; reason?: string; entries: unknown[] }[] {
    return Object.values(this.host.tree.texts("/var/lib/virt-aid/history")).map((text) => JSON.parse(text));
  }

  /** The log. */
  get log(): string {
    return this.host.tree.texts("/var/log/virt-aid")["/var/log/virt-aid/virt-aid.log"] ?? "";
  }
}
