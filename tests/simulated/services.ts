/**
 * Services of init systems other than systemd. What differs between these is data in tests/simulated/init-systems.ts,
 * what their programs say is in tests/simulated/commands/.
 *
 * @module
 */

import type { ServiceSpec } from "./desktop.ts";
import { errorText } from "./errno.ts";
import type { SimulatedHost } from "./host.ts";
import type { SimulatedProcess } from "./processes.ts";
import { laterWhileSame, startTogether } from "./together.ts";

/** `waiting`: its main process has ended by itself, and is started again soon. */
export type ServiceState = "up" | "down" | "starting" | "stopping" | "waiting";

/**
 * Least time between two starts of a service that ends by itself, what it takes in any case until it is of use again, and
 * the time between a session and the greeter after it.
 */
const AGAIN_MS = { between: 1_000, least: 300, session: 100 } as const;
/**
 * So many starts without anybody's order, and no more: a real supervisor never stops trying, but a clock that runs until
 * nothing is due any more has to come to an end.
 */
const MOST_STARTS = 20;

/** A service. */
export class Service {
  /** Its state. */
  state: ServiceState = "down";
  /** Somebody told it to start, rather than that it came up with the machine. */
  told = false;
  /** Its main process, while that lives. */
  main?: SimulatedProcess;
  /** s6-rc holds it for up: it does until it has seen the end of a stop. */
  counted: boolean;
  /** Since when it is in its state. */
  since = 0;
  /** How its main process has ended last, if by itself. */
  code?: number;
  readonly #parent: number;
  #turn = 0;
  #again = false;
  #broken = false;
  #starts = 0;
  #settled: (() => void)[] = [];

  /** A service that is down; its supervisor is there. */
  constructor(readonly host: SimulatedHost, readonly spec: ServiceSpec) {
    const supervisor = host.init.supervisor?.(spec.name);
    this.#parent = supervisor ? host.processes.spawn(supervisor).pid : 1;
    this.counted = spec.state !== "down";
    this.#become("down");
  }

  /** Its name, as {@linkcode Logind} knows it. */
  get label(): string {
    return this.spec.name;
  }

  /** Brings it to the state in which it is when the machine is up. */
  boot(): void {
    if (this.spec.state !== "down") this.#up();
  }

  /** The order to start: one that is on its way down comes up again after that. */
  start(): void {
    this.told = true;
    this.#starts = 0;
    if (this.state === "stopping") this.#again = true;
    if (this.state !== "down") return;
    this.#become("starting");
    this.#later(this.spec.startsAfter ?? 0, () => {
      this.#up();
      this.#startSessions();
    });
  }

  /** The order to stop: its main process gets TERM, and what that has started is its affair. */
  stop(): void {
    this.#again = false;
    if (this.state === "starting" || this.state === "waiting") return this.#become("down");
    if (this.state !== "up") return;
    this.#become("stopping");
    const { main, host } = this;
    if (!main) return this.#become("down");
    const { late } = host.init;
    if (late) {
      this.#later(late.ms, () => {
        if (late.what === "kill") host.processes.kill(main.pid);
        else this.#become("up");
      });
    }
    host.processes.signal(main.pid, "TERM");
  }

  /** Who changed it was killed: nobody goes on with that, or notes how it ends. */
  breakOff(): void {
    this.#turn++;
    this.#broken = true;
  }

  /** What is held for it is forgotten. */
  zap(): void {
    this.#again = false;
    this.main = undefined;
    this.#become("down");
  }

  /** It is stopped, and that never ends. */
  stick(): void {
    if (this.state === "up") this.#become("stopping");
  }

  /** Has something told when it is up or down: at once, if it is. */
  whenSettled(tell: () => void): void {
    if (this.state === "up" || this.state === "down") tell();
    else this.#settled.push(tell);
  }

  /** A session that is its own has ended, or only its leader. */
  sessionEnded(): void {
    const alone = () => this.host.logind.of(this).every(({ leader }) => leader.gone);
    if (this.state !== "up" || this.spec.sessions === undefined || !alone()) return;
    this.#later(AGAIN_MS.session, () => {
      const { main } = this;
      if (!main || main.told || !alone()) return;
      if (this.#starts++ >= MOST_STARTS) return this.host.processes.end(main, 1);
      const there = this.host.processes.childrenOf(main.pid).map(({ spec }) => spec.comm);
      const missing = this.spec.processes.slice(1).filter(({ comm }) => !there.includes(comm));
      this.#spawn(missing, main.pid);
      this.#startSessions();
    });
  }

  #become(state: ServiceState): void {
    const { host } = this;
    this.state = state;
    this.since = host.clock.now;
    this.#turn++;
    this.#broken = false;
    host.init.show?.(host.tree, this);
    if (state === "up" || state === "down") { for (const tell of this.#settled.splice(0)) tell(); }
  }

  /** Does something later, or at once, if the state is still the same. */
  #later(ms: number, act: () => void): void {
    laterWhileSame(this.host, () => this.#turn, ms, act);
  }

  #startSessions(): void {
    for (const id of this.spec.sessions ?? []) this.host.logind.start(id);
  }

  #spawn(specs: ServiceSpec["processes"], parent: number): SimulatedProcess[] {
    const { host, spec: { name } } = this;
    const started = startTogether(host, specs, { parent, cgroup: host.init.cgroup(name), uid: 0 });
    for (const process of started) {
      // what is on a display goes with that, and so does the session
      if (process.spec.needs === "display") {
        process.onEnd.push(() => {
          for (const session of host.logind.of(this)) host.processes.signal(session.leader.pid, "HUP");
        });
      }
    }
    return started;
  }

  #up(): void {
    const [main] = this.#spawn(this.spec.processes, this.#parent);
    this.main = main;
    this.#become("up");
    main?.onEnd.push((code) => this.#ended(main, code));
  }

  /** Its main process has ended: it is down now, if it was to be. */
  #ended(main: SimulatedProcess, code: number): void {
    if (this.main !== main) return;
    this.main = undefined;
    if (this.#broken) return;
    const { host, spec } = this;
    const again = this.#again;
    const byItself = this.state === "up";
    for (const session of host.logind.of(this)) host.processes.signal(session.leader.pid, "TERM");
    if (!byItself) {
      this.#again = false;
      this.#become("down");
      if (again) this.start();
      return;
    }
    this.code = code;
    if (!(spec.restart ?? host.init.restarts)) {
      // OpenRC does not see it
      if (host.init.late?.what !== "give up") this.#become("down");
      return;
    }
    const ran = host.clock.now - this.since;
    this.#become("waiting");
    if (this.#starts++ >= MOST_STARTS) return;
    this.#later(Math.max(AGAIN_MS.least, AGAIN_MS.between - ran), () => {
      this.#up();
      this.#startSessions();
    });
  }
}

/** All services. */
export class Services {
  /** By name. */
  readonly all: Map<string, Service> = new Map();
  /** The host goes down, and nothing is started any more. */
  closed = false;

  /** Their supervisors are there; none is up before {@linkcode boot}. */
  constructor(readonly host: SimulatedHost) {
    for (const spec of host.machine.services ?? []) this.all.set(spec.name, new Service(host, spec));
  }

  /** Brings them up. */
  boot(): void {
    for (const service of this.all.values()) service.boot();
  }

  /** One by its name, or by another name of it. */
  get(name: string): Service | undefined {
    return this.all.get(name) ?? [...this.all.values()].find(({ spec }) => spec.aliases?.includes(name));
  }

  /** All are told to stop, and none can be started any more, as dinit does it. */
  shutDown(): void {
    this.closed = true;
    for (const service of this.all.values()) service.stop();
  }

  /** Gives an order, or lets a fault have its way with it; what went wrong, as text. */
  order(verb: "start" | "stop", service: Service): string | undefined {
    try {
      this.host.operate("service", `${verb} ${service.label}`, undefined, () => service[verb]());
    } catch (error) {
      return errorText(error);
    }
  }
}
