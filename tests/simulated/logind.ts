/**
 * systemd-logind: sessions, their scopes, and the managers of users who have one. And elogind, which has neither scopes nor
 * managers, and sends nothing but TERM to a session that is told to end (session_stop_scope() of elogind 255).
 *
 * @module
 */

import type { Event } from "./clock.ts";
import type { SessionSpec } from "./desktop.ts";
import type { SimulatedHost } from "./host.ts";
import type { SimulatedProcess } from "./processes.ts";
import type { Signal } from "./roles.ts";
import type { Service } from "./services.ts";
import { startTogether } from "./together.ts";
import { STOP_MS, type Unit } from "./unit.ts";

/** Time until a user's manager is stopped after the last session: UserStopDelaySec. */
const USER_STOP_MS = 10_000;

/** A session that is there. */
export interface Session {
  /** Its id. */
  readonly id: string;
  /** What it is. */
  readonly spec: SessionSpec;
  /** Control group of its scope. */
  readonly scope: string;
  /** The process that has opened it. */
  readonly leader: SimulatedProcess;
  /** It was told to end. */
  stopping: boolean;
}

/** All sessions. */
export class Logind {
  /** By id, in the order in which they began. */
  readonly sessions: Map<string, Session> = new Map();
  /** Users whose manager is about to be stopped. */
  readonly #leaving = new Map<number, Event>();
  readonly #used = new Set<string>();
  #last: number;

  /** Nobody is logged in before {@linkcode boot}. */
  constructor(readonly host: SimulatedHost) {
    this.#last = Math.max(0, ...this.#specs.map(({ id }) => Number(id.replace(/\D/g, ""))));
  }

  get #elogind(): boolean {
    return this.host.machine.logind === "elogind";
  }

  /** The unit or service that a session belongs to. */
  #owner({ unit }: SessionSpec): Unit | Service | undefined {
    return unit === undefined ? undefined : this.host.systemd.unit(unit) ?? this.host.services.get(unit);
  }

  get #specs(): readonly SessionSpec[] {
    return this.host.machine.sessions ?? [];
  }

  /** Brings up the managers of users who linger, and the sessions. */
  boot(): void {
    for (const uid of this.#elogind ? [] : this.host.machine.linger ?? []) this.host.systemd.managerOf(uid).boot();
    for (const { id, later } of this.#specs) if (!later) this.start(id);
  }

  /**
   * Starts a session of the machine: a person logs in, or a unit lets somebody in. It brings the user's units with it,
   * and a greeter of the same display manager goes.
   *
   * @param name Its id in the machine's data; a second time it is another one.
   */
  start(name: string): void {
    const { host } = this;
    const spec = this.#specs.find(({ id }) => id === name);
    if (!spec) throw new Error(`the machine has no session ${name}`);
    const { uid, unit, processes } = spec;
    const id = this.#used.has(name) ? `${name.replace(/\d+/, "")}${++this.#last}` : name;
    this.#used.add(id);
    this.#startUser(spec);
    for (const other of this.sessions.values()) {
      if (other.spec.class === "greeter" && other.spec.unit === unit) this.terminate(other);
    }
    const scope = this.#elogind ? `/${id}` : `/user.slice/user-${uid}.slice/session-${id}.scope`;
    const parent = this.#owner(spec)?.main?.pid ?? 1;
    const started = startTogether(host, processes, { parent, cgroup: scope, uid });
    const session: Session = { id, spec, scope, leader: started[0]!, stopping: false };
    this.sessions.set(id, session);
    host.cgroups.own(scope, true);
    this.#holdDevices();
    for (const process of started) {
      // a login shell's terminal goes with its leader; what is on a display goes with that
      const last = process.spec.needs === "display" || process === session.leader && spec.type === "tty";
      if (last) process.onEnd.push(() => this.signal(session, "HUP"));
    }
    session.leader.onEnd.push(() => {
      if (unit !== undefined) host.services.get(unit)?.sessionEnded();
    });
    host.cgroups.whenEmpty(scope, () => this.#ended(session));
  }

  /** Sessions that belong to a unit. */
  of(unit: { readonly label: string }): Session[] {
    return [...this.sessions.values()].filter(({ spec }) => spec.unit === unit.label);
  }

  /** `State`: of those at a seat, the latest has it. */
  stateOf(session: Session): "active" | "online" | "closing" {
    if (session.stopping || session.leader.gone) return "closing";
    const { seat } = session.spec;
    const latest = [...this.sessions.values()].findLast((other) => other.spec.seat === seat && !other.leader.gone);
    return seat === undefined || latest === session ? "active" : "online";
  }

  /** Sends a signal to everything in a session. */
  signal({ scope }: Session, signal: Signal): void {
    for (const { pid } of this.host.processes.inCgroup(scope)) this.host.processes.signal(pid, signal);
  }

  /** Ends a session: its scope is stopped as a unit is. */
  terminate(session: Session): void {
    session.stopping = true;
    this.signal(session, "TERM");
    if (!this.#elogind) this.host.after(STOP_MS, () => this.signal(session, "KILL"));
  }

  /** A session begins: its user's manager is there, and with a session at a seat all that it brings up. */
  #startUser({ uid, seat }: SessionSpec): void {
    if (this.#elogind) return;
    const leaving = this.#leaving.get(uid);
    if (leaving) leaving.cancelled = true;
    const manager = this.host.systemd.managerOf(uid);
    if (manager.state !== "active") return manager.start();
    for (const unit of seat ? this.host.systemd.managedBy(manager) : []) {
      if (unit.spec.state !== "inactive") unit.start();
    }
  }

  /** Nothing of a session is left. */
  #ended(session: Session): void {
    const { uid } = session.spec;
    const { host } = this;
    this.sessions.delete(session.id);
    host.cgroups.own(session.scope, false);
    this.#holdDevices();
    const stays = this.#elogind || host.machine.linger?.includes(uid) ||
      [...this.sessions.values()].some(({ spec }) => spec.uid === uid);
    if (!stays) this.#leaving.set(uid, host.clock.after(USER_STOP_MS, () => host.systemd.managerOf(uid).stop()));
    this.#owner(session.spec)?.sessionEnded();
  }

  /** Has the devices of the sessions open that are there, and no others. */
  #holdDevices(): void {
    const { processes, tree } = this.host;
    const daemon = [...processes.all.values()].find(({ spec }) => /^(systemd-logind|elogind-daemon)$/.test(spec.comm));
    if (!daemon) return;
    const wanted = new Set([...this.sessions.values()].flatMap(({ spec }) => spec.devices ?? []));
    const open = new Set([...daemon.files.values()].map(({ path }) => path));
    for (const path of wanted) if (!open.has(path) && tree.find(path)) processes.open(daemon, path);
    for (const path of open) if (!wanted.has(path)) processes.close(daemon, path);
  }
}
