/**
 * A unit of systemd, as it is now.
 *
 * @module
 */

import type { UnitSpec } from "./desktop.ts";
import type { SimulatedHost } from "./host.ts";
import type { SimulatedProcess } from "./processes.ts";
import { laterWhileSame, startTogether } from "./together.ts";

/** `ActiveState`. */
export type ActiveState = "active" | "inactive" | "activating" | "deactivating" | "failed";

/** Time until what has not ended after TERM is killed: DefaultTimeoutStopSec. */
export const STOP_MS = 90_000;
/** Time until a service is started again that has ended by itself: DefaultRestartSec. */
const RESTART_MS = 100;
/** Time until a client comes that wants the service of a socket. */
const CLIENT_MS = 50;
/** DefaultStartLimitBurst, and DefaultStartLimitIntervalSec. */
const STARTS = { most: 5, withinMs: 10_000 } as const;
/** Statuses of a main process that are no failure: 0, and the signals HUP and TERM. */
const CLEAN: readonly number[] = [0, 129, 143];

/** Where the mask of a unit lies that holds until the next boot. */
export function maskPath(name: string, user?: number): string {
  return `${user === undefined ? "/run" : `/run/user/${user}`}/systemd/${
    user === undefined ? "system" : "user"
  }/${name}`;
}

/** A unit. */
export class Unit {
  /** `ActiveState`. */
  state: ActiveState = "inactive";
  /** Its job, while it has one. */
  job?: number;
  /** Its main process, while that lives. */
  main?: SimulatedProcess;
  /** Grows when its state changes: what was due in an earlier state is not done any more. */
  #turn = 0;
  #starts: number[] = [];
  /** It is to be started when it is down. */
  #again = false;

  /** A unit that is down. */
  constructor(readonly host: SimulatedHost, readonly spec: UnitSpec) {}

  /** Its name; unlike other managers' units it has its user's id in front. */
  get label(): string {
    return this.spec.user === undefined ? this.spec.name : `${this.spec.user}/${this.spec.name}`;
  }

  /** Its control group. */
  get cgroup(): string {
    const { name, user, slice } = this.spec;
    if (user === undefined) return `/${slice ?? "system.slice"}/${name}`;
    return `/user.slice/user-${user}.slice/user@${user}.service/${slice ?? "app.slice"}/${name}`;
  }

  /** Nobody may start it. */
  get masked(): boolean {
    const link = this.host.tree.find(maskPath(this.spec.name, this.spec.user), false);
    return link?.kind === "link" && link.text === "/dev/null";
  }

  /** It waits to be started again after its main process has ended. */
  get restarting(): boolean {
    return this.state === "activating" && this.job === undefined;
  }

  /** Brings it to the state in which it is when its manager has come up. */
  boot(): void {
    const { state = "active", startsAfter } = this.spec;
    if (state === "inactive" || this.masked) return;
    if (state === "active") this.#up();
    else this.#due(state === "queued" ? "inactive" : "activating", startsAfter);
  }

  /** `start`: one that is on its way down comes up again after that. */
  start(): void {
    if (this.masked || this.state === "active" || this.job !== undefined && this.state !== "deactivating") return;
    if (this.state === "deactivating") this.#again = true;
    else if (!this.#mayStart()) this.#become("failed");
    else this.#due("activating", this.spec.startsAfter);
  }

  /** `stop`. */
  stop(): void {
    this.#again = false;
    if (this.state === "active") this.#down("inactive", this.spec.stopsAfter);
    else if (this.state === "activating" || this.state === "inactive" && this.job !== undefined) {
      this.#become("inactive");
    }
  }

  /** It is stopped, and that never ends. */
  stick(): void {
    if (this.state !== "active") return;
    this.#become("deactivating");
    this.job = this.host.systemd.nextJob();
  }

  /** `reset-failed`. */
  resetFailed(): void {
    if (this.state === "failed") this.#become("inactive");
    this.#starts = [];
  }

  /** A session that is its own has ended. */
  sessionEnded(): void {
    const alone = () => this.host.logind.of(this).length === 0;
    if (this.state !== "active" || this.spec.sessions === undefined || !alone()) return;
    // a getty that is masked has lost its main process for good
    if (this.masked && this.main === undefined) return this.#become("failed");
    this.#later(RESTART_MS, () => {
      if (!alone()) return;
      if (this.#mayStart()) this.#startSessions();
      else if (this.main === undefined) this.#become("failed");
    });
  }

  #become(state: ActiveState): void {
    this.state = state;
    this.job = undefined;
    this.#turn++;
    const has = state === "active" || state === "deactivating";
    if (/\.(service|scope|socket)$/.test(this.spec.name)) this.host.cgroups.own(this.cgroup, has);
  }

  /** Does something later, or at once, if the state is still the same. */
  #later(ms: number, act: () => void): void {
    laterWhileSame(this.host, () => this.#turn, ms, act);
  }

  /** Counts a start, if there may be one. */
  #mayStart(): boolean {
    const { now } = this.host.clock;
    const { startLimit } = this.spec;
    if (startLimit === undefined) this.#starts = this.#starts.filter((time) => now - time < STARTS.withinMs);
    if (this.#starts.length >= (startLimit ?? STARTS.most)) return false;
    this.#starts.push(now);
    return true;
  }

  /** A start job. */
  #due(state: ActiveState, startsAfter = 0): void {
    this.#become(state);
    this.job = this.host.systemd.nextJob();
    this.#later(startsAfter, () => {
      this.#up();
      for (const unit of this.host.systemd.named(this, "starts")) unit.start();
      this.#startSessions();
    });
  }

  #startSessions(): void {
    for (const id of this.spec.sessions ?? []) this.host.logind.start(id);
  }

  #up(): void {
    const { systemd } = this.host;
    this.#become("active");
    const { user, processes = [] } = this.spec;
    const parent = (user === undefined ? undefined : systemd.managerOf(user).main?.pid) ?? 1;
    const [main] = startTogether(this.host, processes, { parent, cgroup: this.cgroup, uid: user ?? 0 });
    this.main = main;
    main?.onEnd.push((code) => this.#ended(main, code));
    for (const unit of systemd.managedBy(this)) unit.boot();
  }

  /** Its main process has ended; if nobody has stopped it, by itself. */
  #ended(main: SimulatedProcess, code: number): void {
    if (this.main !== main) return;
    this.main = undefined;
    if (this.state === "active") this.#down(CLEAN.includes(code) ? "inactive" : "failed", 0, this.spec.restart);
  }

  /** Takes it down, and what goes with it. */
  #down(state: "inactive" | "failed", stopsAfter = 0, restart?: "always"): void {
    const { systemd, logind, cgroups, processes } = this.host;
    this.#become("deactivating");
    this.job = systemd.nextJob();
    for (const unit of [...systemd.named(this, "stops"), ...systemd.managedBy(this)]) unit.stop();
    for (const session of logind.of(this)) if (!session.spec.survives) logind.terminate(session);
    const send = (signal: "TERM" | "KILL") => {
      for (const { pid } of processes.inCgroup(this.cgroup)) processes.signal(pid, signal);
    };
    this.#later(stopsAfter, () => {
      this.#later(STOP_MS, () => send("KILL"));
      send("TERM");
      const turn = this.#turn;
      cgroups.whenEmpty(this.cgroup, () => {
        if (turn === this.#turn) this.#isDown(state, restart);
      });
    });
  }

  #isDown(state: "inactive" | "failed", restart?: "always"): void {
    this.#become(restart ? "activating" : state);
    if (this.#again) {
      this.#again = false;
      this.start();
    } else if (this.restarting) {
      this.#later(RESTART_MS, () => {
        this.#become(this.masked ? "failed" : "inactive");
        this.start();
      });
    } else {
      this.#later(CLIENT_MS, () => {
        if (this.host.systemd.named(this, "triggeredBy").some((socket) => socket.state === "active")) this.start();
      });
    }
  }
}
