/**
 * Who has to go before a guest can have the host's functions, and who will not: by what each holder belongs to. Pure data
 * in, pure data out.
 *
 * @module
 */

import type { DesktopPolicy } from "./config.ts";
import { GPU_DRIVERS } from "./host/gpu-drivers.ts";
import type { Holder } from "./host/holders.ts";
import type { Host } from "./host/mod.ts";
import type { UnitUser } from "./host/inits/init.ts";
import type { Session } from "./host/logind.ts";
import { isDisplay } from "./host/pci.ts";
import { DISPLAY_MANAGERS, SEAT_DAEMONS } from "./host/programs.ts";
import type { Owner } from "./host/owners.ts";
import type { Target } from "./preflight/targets.ts";

/** What the decision goes by. */
export interface Question {
  /** The host. */
  readonly host: Host;
  /** What will be handed over. */
  readonly targets: readonly Target[];
  /** What the administrator wants. */
  readonly desktop: DesktopPolicy;
  /** Services that the administrator wants to be stopped. */
  readonly services: readonly string[];
}

/** A holder that stays, and why. */
export interface Staying {
  /** The holder. */
  readonly holder: Holder;
  /** Why it does not go with the desktop, where that is worth saying. */
  readonly why?: string;
}

/** Who goes. */
export interface Leave {
  /** The desktop goes: display manager, graphical sessions. */
  readonly desktop: boolean;
  /** Display functions that it uses, those that no guest takes among them. */
  readonly cards: readonly string[];
  /** Services of the system that stop. */
  readonly services: readonly string[];
  /** Units of users' managers that stop; those with `alone` hold sound or i2c only, and the desktop may stay. */
  readonly units: readonly { readonly unit: string; readonly user: UnitUser; readonly alone: boolean }[];
  /** Sessions that end. */
  readonly sessions: readonly Session[];
  /** Logins on text consoles that end, where there are no sessions of them. */
  readonly logins: readonly (Login & { readonly user: string })[];
  /** Processes that end. */
  readonly processes: readonly Holder[];
  /** Holders that will not go: the start is refused. */
  readonly staying: readonly Staying[];
}

/** A login on a text console. */
type Login = Extract<Owner, { readonly kind: "login" }>;

/** Nodes that are beside the card: whoever has only these open can do without. */
const BESIDE = /^\/dev\/(snd\/|i2c-)/;
/**
 * They have the card open for the session at the seat, and close it with that; init does so for logind, which leaves its
 * descriptors with it in case that it is started anew.
 */
const WITH_SEAT: readonly string[] = [...SEAT_DAEMONS, "init.scope"];
/** A session that shows something; one that began on a text console is told by what it has open. */
const GRAPHICAL = /^(x11|wayland|mir)$/;

/** Is somebody at the machine in it? */
const onSeat = (session: Session | undefined) => session?.seat !== undefined && !session.remote;

/** Looks things up in the facts. */
class Scene {
  readonly sessions: readonly Session[];
  /** Those that go to another driver. */
  readonly moving: readonly Target[];
  /** Holders of those. */
  readonly held: readonly Holder[];
  /** Services that may be stopped; those of the card's own driver come back to it at any time. */
  readonly stoppable: ReadonlySet<string>;

  constructor(readonly question: Question) {
    const { host, targets, services } = question;
    this.sessions = host.desktop?.sessions ?? [];
    this.moving = targets.filter(({ fn, driver }) => fn.driver !== driver);
    this.held = host.holders.filter(({ address }) => targets.some(({ fn }) => fn.address === address));
    const own = this.moving.flatMap(({ fn }) => GPU_DRIVERS[fn.driver ?? ""]?.services ?? []);
    const known = host.desktop?.services ?? {};
    this.stoppable = new Set([...services, ...own].flatMap((name) => [name, known[name] ?? name]));
  }

  session(id: string): Session | undefined {
    return this.sessions.find((session) => session.id === id);
  }

  /** A user who has a session at the machine. */
  userOf(uid: number): UnitUser | undefined {
    const found = this.sessions.find((session) => session.uid === uid && onSeat(session));
    return found && { name: found.user, uid };
  }

  /** Does a service show the desktop? */
  isDesktop(unit: string): boolean {
    const name = unit.replace(/\.service$/, "");
    const manager = this.question.host.desktop?.manager;
    return WITH_SEAT.includes(name) || manager !== undefined &&
        (unit === manager.name || DISPLAY_MANAGERS.includes(name));
  }

  /** Does a holder show the desktop on the card? */
  shows({ node, owner }: Holder): boolean {
    if (node === undefined || BESIDE.test(node)) return false;
    if (owner.kind === "session") return onSeat(this.session(owner.id));
    if (owner.kind === "user-unit") return this.userOf(owner.uid) !== undefined;
    return owner.kind === "login" || owner.kind === "service" && this.isDesktop(owner.unit);
  }

  /** Sessions that end where the desktop goes: those that have the card open, and all graphical ones at the same seat. */
  ending(): Session[] {
    const using = new Set(this.held.flatMap(({ node, owner }) => node && owner.kind === "session" ? [owner.id] : []));
    const users = new Set(this.held.flatMap(({ owner }) => owner.kind === "user-unit" ? [owner.uid] : []));
    const seats = this.sessions.filter(({ id, uid }) => using.has(id) || users.has(uid)).map(({ seat }) => seat);
    return this.sessions.filter((session) =>
      onSeat(session) && (using.has(session.id) ||
        GRAPHICAL.test(session.type) && (seats.length === 0 || seats.includes(session.seat)))
    );
  }
}

/** What becomes of a holder. */
type Fate =
  | { readonly goes: "with others" }
  | { readonly goes: "unit"; readonly user: UnitUser; readonly unit: string; readonly alone: boolean }
  | { readonly goes: "not"; readonly why?: string };

const WITH_OTHERS: Fate = { goes: "with others" };

/** Decides about one holder. */
function fateOf({ node, owner, user }: Holder, scene: Scene, desktop: boolean, ending: readonly Session[]): Fate {
  switch (owner.kind) {
    case "session": {
      if (ending.some(({ id }) => id === owner.id)) return WITH_OTHERS;
      const its = scene.session(owner.id);
      return {
        goes: "not",
        why: its && !onSeat(its) ? `it belongs to the remote login ${its.id} of ${its.user}` : undefined,
      };
    }
    case "user-unit": {
      // PipeWire can be stopped and started for anybody, also for a user whose manager outlives his sessions
      const alone = node !== undefined && BESIDE.test(node);
      const at = scene.userOf(owner.uid) ?? (alone ? { name: user, uid: owner.uid } : undefined);
      if (!at) return { goes: "not", why: `it runs for user ${user}, who has no session at the machine` };
      if (owner.unit === "init.scope") return { goes: "not" }; // the manager itself, with all that runs in it
      return desktop || alone ? { goes: "unit", user: at, unit: owner.unit, alone } : { goes: "not" };
    }
    case "service":
      if (scene.stoppable.has(owner.unit)) return WITH_OTHERS;
      return desktop && scene.isDesktop(owner.unit) ? WITH_OTHERS : { goes: "not" };
    case "login":
      return desktop ? WITH_OTHERS : { goes: "not" };
    case "guest":
      return { goes: "not", why: "another guest uses it" };
    case "none":
      return { goes: "not" };
  }
}

/** Decides. */
export function leaveOf(question: Question): Leave {
  const { host, desktop: policy } = question;
  const scene = new Scene(question);
  const { manager, services = {} } = host.desktop ?? {};
  // a display manager that is still starting will take every card that it finds
  const soon = manager?.state === "starting" ? scene.moving.map(({ fn }) => fn).filter(isDisplay) : [];
  const desktop = soon.length > 0 || scene.held.some((holder) => scene.shows(holder));
  const ending = desktop ? scene.ending() : [];

  const units = new Map<string, Leave["units"][number]>();
  const logins = new Map<number, Leave["logins"][number]>();
  const processes = new Map<number, Holder>();
  const staying: Staying[] = [];
  for (const holder of scene.held) {
    const fate = fateOf(holder, scene, desktop, ending);
    if (fate.goes === "unit") {
      const key = `${fate.user.uid} ${fate.unit}`;
      units.set(key, { ...fate, alone: fate.alone && (units.get(key)?.alone ?? true) });
    }
    const { owner, user } = holder;
    if (owner.kind === "login" && fate.goes === "with others") logins.set(owner.pid, { ...owner, user });
    if (fate.goes !== "not") continue;
    const may = policy.holders === "terminate" && holder.node !== undefined && holder.owner.kind !== "guest";
    if (may) processes.set(holder.pid, holder);
    else staying.push({ holder, why: fate.why });
  }
  const using = host.holders.filter((holder) => scene.shows(holder));
  return {
    desktop,
    cards: [...new Set([...using, ...soon].map(({ address }) => address))],
    services: scene.moving.length > 0 ? Object.values(services).filter((name) => scene.stoppable.has(name)) : [],
    units: [...units.values()],
    sessions: ending,
    logins: [...logins.values()],
    processes: [...processes.values()],
    staying,
  };
}
