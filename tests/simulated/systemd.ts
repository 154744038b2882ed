/**
 * systemd: the units of the system, and those of users' managers. What a single unit does is in
 * tests/simulated/unit.ts, what systemctl asks of it in tests/simulated/commands/systemctl.ts.
 *
 * @module
 */

import type { SimulatedHost } from "./host.ts";
import type { ProcessSpec } from "./machine.ts";
import { Unit } from "./unit.ts";

/** The managers and their units. */
export class Systemd {
  /** All units by their labels. */
  readonly units: Map<string, Unit> = new Map();
  /** What `is-system-running` says. */
  state: "running" | "starting" | "stopping" = "running";
  #jobs = 0;

  /** Loads the units; none is up before {@linkcode boot}. */
  constructor(readonly host: SimulatedHost) {
    for (const spec of host.machine.units ?? []) this.#add(new Unit(host, spec));
  }

  #add(unit: Unit): Unit {
    this.units.set(unit.label, unit);
    return unit;
  }

  /** Brings the units of the system up; those of users come with their managers. */
  boot(): void {
    for (const unit of [...this.units.values()]) if (unit.spec.user === undefined) unit.boot();
  }

  /** A unit of the system, or of a user's manager, by its name or one of its aliases. */
  unit(name: string, user?: number): Unit | undefined {
    return [...this.units.values()].find(({ spec }) =>
      spec.user === user && (spec.name === name || spec.aliases?.includes(name))
    );
  }

  /** Number of the next job. */
  nextJob(): number {
    return ++this.#jobs;
  }

  /** The unit that is a user's manager, `user@UID.service`. */
  managerOf(user: number): Unit {
    const name = `user@${user}.service`;
    const there = this.unit(name);
    if (there) return there;
    const slice = `user.slice/user-${user}.slice`;
    const common = { uid: user, cgroup: `/${slice}/${name}/init.scope` };
    const processes: ProcessSpec[] = [
      { comm: "systemd", args: ["/usr/lib/systemd/systemd", "--user"], ...common },
      { comm: "(sd-pam)", args: ["(sd-pam)"], startedBy: "systemd", ...common },
    ];
    return this.#add(new Unit(this.host, { name, slice, processes }));
  }

  /** Does a user's manager answer? */
  answers(user: number): boolean {
    return this.unit(`user@${user}.service`)?.state === "active";
  }

  /** Units that a unit manages: those of a user, where it is the user's manager. */
  managedBy(manager: Unit): Unit[] {
    const user = /^user@(\d+)\.service$/.exec(manager.label)?.[1];
    return user === undefined ? [] : [...this.units.values()].filter(({ spec }) => spec.user === Number(user));
  }

  /** Units of the same manager that a unit names. */
  named({ spec }: Unit, how: "starts" | "stops" | "triggeredBy"): Unit[] {
    return (spec[how] ?? []).flatMap((name) => this.unit(name, spec.user) ?? []);
  }
}
