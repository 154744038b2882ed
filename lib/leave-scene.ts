/**
 * What lib/leave.ts decides by: the facts about those who have the functions open, and what they show.
 *
 * @module
 */

import type { DesktopPolicy } from "./config.ts";
import { GPU_DRIVERS } from "./host/gpu-drivers.ts";
import type { Holder } from "./host/holders.ts";
import type { UnitUser } from "./host/inits/init.ts";
import type { Session } from "./host/logind.ts";
import type { Host } from "./host/mod.ts";
import type { Owner } from "./host/owners.ts";
import { isDisplay, type PciFunction } from "./host/pci.ts";
import { DISPLAY_MANAGERS, SEAT_DAEMONS } from "./host/programs.ts";
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

/** A login on a text console. */
export type Login = Extract<Owner, { readonly kind: "login" }>;

/** Nodes that are beside the card: whoever has only these open can do without. */
export const BESIDE = /^\/dev\/(snd\/|i2c-)/;
/** Nodes of the card that one needs to draw or to compute, and not to show something. */
export const RENDER = /^\/dev\/(dri\/renderD|kfd$|nvidia)/;
/**
 * They have the card open for the session at the seat, and close it with that; init does so for logind, which leaves its
 * descriptors with it in case that it is started anew.
 */
const WITH_SEAT: readonly string[] = [...SEAT_DAEMONS, "init.scope"];
/** A session that shows something; one that began on a text console is told by what it has open. */
const GRAPHICAL = /^(x11|wayland|mir)$/;

/** Looks things up in the facts. */
export class Scene {
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

  /** Is somebody at the machine in a session? */
  static onSeat(session: Session | undefined): boolean {
    return session?.seat !== undefined && !session.remote;
  }

  /** A session by its id. */
  session(id: string): Session | undefined {
    return this.sessions.find((session) => session.id === id);
  }

  /** A user who has a session at the machine. */
  userOf(uid: number): UnitUser | undefined {
    const found = this.sessions.find((session) => session.uid === uid && Scene.onSeat(session));
    return found && { name: found.user, uid };
  }

  /** Does a service show the desktop? */
  isDesktop(unit: string): boolean {
    const name = unit.replace(/\.service$/, "");
    const manager = this.question.host.desktop?.manager;
    return WITH_SEAT.includes(name) || manager !== undefined &&
        (unit === manager.name || DISPLAY_MANAGERS.includes(name));
  }

  /** Does a user's manager run a unit beside the session: is it a part of nothing? */
  isBeside(uid: number, unit: string): boolean {
    return this.question.host.desktop?.units[`${uid} ${unit}`]?.alone === true;
  }

  /** Does a login on a text console show something on the card? */
  isShown(login: Login): boolean {
    return this.held.some((holder) =>
      holder.owner.kind === "login" && holder.owner.pid === login.pid && this.shows(holder)
    );
  }

  /** Would a login on a text console be there again at once, whatever we do? */
  isEndless({ tty }: Login): boolean {
    const { gettys = {}, autologins = [] } = this.question.host.desktop ?? {};
    return gettys[tty] === undefined && autologins.includes(tty);
  }

  /** Does a holder show the desktop on the card? */
  shows({ node, owner }: Holder): boolean {
    if (node === undefined || BESIDE.test(node)) return false;
    if (owner.kind === "session") return Scene.onSeat(this.session(owner.id));
    if (owner.kind === "user-unit") {
      return this.userOf(owner.uid) !== undefined && !(RENDER.test(node) && this.isBeside(owner.uid, owner.unit));
    }
    return owner.kind === "login" || owner.kind === "service" && this.isDesktop(owner.unit);
  }

  /** Sessions that end where the desktop goes: those that have the card open, and all graphical ones at the same seat. */
  ending(): Session[] {
    const shown = this.held.filter((holder) => this.shows(holder));
    const using = new Set(shown.flatMap(({ owner }) => owner.kind === "session" ? [owner.id] : []));
    const users = new Set(shown.flatMap(({ owner }) => owner.kind === "user-unit" ? [owner.uid] : []));
    const seats = this.sessions.filter(({ id, uid }) => using.has(id) || users.has(uid)).map(({ seat }) => seat);
    return this.sessions.filter((session) =>
      Scene.onSeat(session) && (using.has(session.id) ||
        GRAPHICAL.test(session.type) && !session.closing && (seats.length === 0 || seats.includes(session.seat)))
    );
  }

  /** A graphical session that nobody would bring back: neither a display manager that is known nor a login prompt. */
  orphan(ending: readonly Session[]): Session | undefined {
    const { manager, gettys = {}, services = {} } = this.question.host.desktop ?? {};
    if (manager || Object.values(services).some((name) => this.question.services.includes(name))) return undefined;
    return ending.find(({ type, tty }) => GRAPHICAL.test(type) && gettys[tty ?? ""] === undefined);
  }

  /** Display functions that a display manager will open which has none open yet. */
  soon(): PciFunction[] {
    const { displays, holders, desktop } = this.question.host;
    // one that is on no driver has no node that anybody could open
    const moving = this.moving.map(({ fn }) => fn).filter((fn) => isDisplay(fn) && fn.driver !== undefined);
    if (desktop?.manager?.state === "starting") return moving;
    if (!desktop?.manager || holders.some((holder) => this.shows(holder))) return [];
    const goes = ({ address }: { readonly address: string }) => moving.some((fn) => fn.address === address);
    // one that is up and shows nothing anywhere is about to: on the card of the boot, or on the only one
    const only = displays.every((one) => !one.card || goes(one));
    return only || displays.some((one) => one.bootVga && goes(one)) ? moving : [];
  }

  /** Has the host a card left that a desktop can run on, and that no guest has or is about to take? */
  cardLeft(): boolean {
    const { displays, claims } = this.question.host;
    return displays.some(({ address, card }) =>
      card && claims[address] === undefined && !this.moving.some(({ fn }) => fn.address === address)
    );
  }
}
