/**
 * Who has to go before a guest can have the host's functions, and who will not: by what each holder belongs to. Pure data
 * in, pure data out.
 *
 * @module
 */

import type { Holder } from "./host/holders.ts";
import type { UnitUser } from "./host/inits/init.ts";
import type { Session } from "./host/logind.ts";
import { stays } from "./host/owners.ts";
import { BESIDE, type Login, type Question, RENDER, Scene } from "./leave-scene.ts";

/** A holder that stays, and why. */
export interface Staying {
  /** The holder. */
  readonly holder: Holder;
  /** Why it does not go with the desktop, where that is worth saying. */
  readonly why?: string;
  /** It shows a session of which nobody knows what starts it. */
  readonly orphan?: true;
}

/** Who goes. */
export interface Leave {
  /** The desktop goes: display manager, graphical sessions. */
  readonly desktop: boolean;
  /**
   * The display manager that stops: with the desktop, or without it where it is only starting. It starts `again` as soon as
   * the functions are with vfio, on the cards that are left.
   */
  readonly manager?: { readonly name: string; readonly again: boolean };
  /** Display functions that it uses or is about to, those that no guest takes among them. */
  readonly cards: readonly string[];
  /** Services of the system that stop. */
  readonly services: readonly string[];
  /**
   * Units of users' managers that stop. Those with `alone` hold sound or i2c only, and the desktop may stay; those with
   * `back` are started again when the guest has ended: the others come with the next session.
   */
  readonly units: readonly {
    readonly unit: string;
    readonly user: UnitUser;
    readonly alone: boolean;
    readonly back: boolean;
  }[];
  /** Sessions that end. */
  readonly sessions: readonly Session[];
  /** Logins on text consoles that end, where there are no sessions of them. */
  readonly logins: readonly (Login & { readonly user: string })[];
  /** Processes that end. */
  readonly processes: readonly Holder[];
  /** Holders that will not go: the start is refused. */
  readonly staying: readonly Staying[];
}

/** What becomes of a holder. */
type Fate =
  | { readonly goes: "with others" }
  | ({ readonly goes: "unit" } & Leave["units"][number])
  | { readonly goes: "not"; readonly why?: string; readonly orphan?: true };

const WITH_OTHERS: Fate = { goes: "with others" };

/** It belongs to a session of which nobody knows who would start it again. */
function unknownOf({ id, user }: Session): Fate {
  const why = `nobody knows which service has started session ${id} of ${user}: name it as <service>`;
  return { goes: "not", why, orphan: true };
}

/** Decides about one holder. */
function fateOf({ node, owner, user }: Holder, scene: Scene, desktop: boolean, ending: readonly Session[]): Fate {
  switch (owner.kind) {
    case "session": {
      if (ending.some(({ id }) => id === owner.id)) return WITH_OTHERS;
      const its = scene.session(owner.id);
      return {
        goes: "not",
        why: its && !Scene.onSeat(its) ? `it belongs to the remote login ${its.id} of ${its.user}` : undefined,
      };
    }
    case "user-unit": {
      // PipeWire can be stopped and started for anybody, also for a user whose manager outlives his sessions
      const alone = node !== undefined && BESIDE.test(node);
      const at = scene.userOf(owner.uid) ?? (alone ? { name: user, uid: owner.uid } : undefined);
      if (!at) return { goes: "not", why: `it runs for user ${user}, who has no session at the machine` };
      if (owner.unit === "init.scope") return { goes: "not" }; // the manager itself, with all that runs in it
      // a scope cannot be started, and what has the card's first node open may be what shows the session
      const beside = scene.isBeside(owner.uid, owner.unit) && (alone || node !== undefined && RENDER.test(node));
      const back = alone || beside && owner.unit.endsWith(".service");
      return desktop || alone || beside ? { goes: "unit", user: at, unit: owner.unit, alone, back } : { goes: "not" };
    }
    case "service":
      if (scene.stoppable.has(owner.unit)) return WITH_OTHERS;
      return desktop && scene.isDesktop(owner.unit) ? WITH_OTHERS : { goes: "not" };
    case "login":
      if (scene.isEndless(owner)) {
        return { goes: "not", why: `${user} is logged in on ${owner.tty} by itself, and would be again at once` };
      }
      return desktop && scene.isShown(owner) ? WITH_OTHERS : { goes: "not" };
    case "guest":
      return { goes: "not", why: "another guest uses it" };
    case "host":
      return { goes: "not", why: "the host needs it, or libvirt runs in it" };
    case "none":
      return { goes: "not" };
  }
}

/** Decides. */
export function leaveOf(question: Question): Leave {
  const { host, desktop: policy } = question;
  const scene = new Scene(question);
  const { manager, services = {} } = host.desktop ?? {};
  const soon = scene.soon();
  const left = scene.cardLeft();
  const shown = scene.held.some((holder) => scene.shows(holder));
  // One that is only starting shows nothing yet, and does without our cards where it has another: it goes for a moment,
  // so that it opens none of them meanwhile.
  const early = !shown && soon.length > 0 && left && manager?.state === "starting";
  const desktop = shown || soon.length > 0 && !early;
  const ending = desktop ? scene.ending() : [];
  const orphan = scene.orphan(ending);

  const units = new Map<string, Leave["units"][number]>();
  const logins = new Map<number, Leave["logins"][number]>();
  const processes = new Map<number, Holder>();
  const staying: Staying[] = [];
  for (const holder of scene.held) {
    const fate = orphan && scene.shows(holder) ? unknownOf(orphan) : fateOf(holder, scene, desktop, ending);
    if (fate.goes === "unit") {
      const key = `${fate.user.uid} ${fate.unit}`;
      const { alone, back } = units.get(key) ?? fate;
      units.set(key, { ...fate, alone: fate.alone && alone, back: fate.back && back });
    }
    const { owner, user } = holder;
    if (owner.kind === "login" && fate.goes === "with others") logins.set(owner.pid, { ...owner, user });
    if (fate.goes !== "not") continue;
    const may = policy.holders === "terminate" && holder.node !== undefined && !stays(holder.owner);
    if (may) processes.set(holder.pid, holder);
    else staying.push({ holder, why: fate.why, orphan: fate.orphan });
  }
  const stops = manager && (desktop || early)
    ? { name: manager.name, again: early || left && policy.restart }
    : undefined;
  const using = host.holders.filter((holder) => scene.shows(holder));
  // one that starts again may open any: another guest that takes one meanwhile has to keep it away
  const opens = stops?.again ? host.displays.filter(({ card }) => card) : soon;
  return {
    desktop,
    manager: stops,
    cards: [...new Set([...using, ...opens].map(({ address }) => address))],
    services: scene.moving.length > 0 ? Object.values(services).filter((name) => scene.stoppable.has(name)) : [],
    units: [...units.values()],
    sessions: ending,
    logins: [...logins.values()],
    processes: [...processes.values()],
    staying,
  };
}
