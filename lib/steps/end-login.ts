import { AidError } from "../errors.ts";
import { leftOf, ownerOf } from "../host/owners.ts";
import {
  descendants,
  kernelSessionOf,
  pids,
  startOf,
  stillRuns,
  terminalOf,
  userIdNamed,
  userIdOf,
} from "../host/processes.ts";
import { isGuest, isVital, upFrom } from "../host/vital.ts";
import type { EndLogin, StepKind } from "../step.ts";
import type { System } from "../system.ts";
import { endAll } from "./signals.ts";

/**
 * What is never ended: guests and daemons that somebody has started by hand there, with all that they have started, and this
 * program. What these come from stays too: with the process that leads a terminal, all that is on it is hung up.
 */
function sparedOf(system: System, found: readonly number[]): Set<number> {
  const kept = [system.pid, ...found.filter((pid) => isGuest(system, pid) || isVital(system, pid))];
  return new Set([...kept.flatMap((pid) => upFrom(system, pid)), ...descendants(system, kept)]);
}

/**
 * What is there of it: what its first process has started, what has kept its terminal though its parent has ended, and what
 * shows something there. Where the first process has ended, as with the prompt's service, somebody else may have logged in
 * there: the terminal tells nothing then.
 */
function partsOf(system: System, { tty, pid, start, user }: EndLogin): number[] {
  if (!stillRuns(system, { pid, start })) {
    const uid = userIdNamed(system, user);
    return uid ? leftOf(system, uid, { tty, start }) : [];
  }
  const [uid, session] = [userIdOf(system, pid), kernelSessionOf(system, pid)];
  const own = new Set([pid, ...descendants(system, [pid])]);
  const others = pids(system).map(Number).filter((other) => {
    if (own.has(other)) return false;
    if (terminalOf(system, other) === tty) {
      return userIdOf(system, other) === uid || kernelSessionOf(system, other) === session;
    }
    const owner = ownerOf(system, other);
    return owner.kind === "login" && owner.pid === pid && owner.start === start;
  });
  return [...own, ...others];
}

/** All of it that ends. */
function processesOf(system: System, step: EndLogin): number[] {
  const found = partsOf(system, step);
  const spared = sparedOf(system, found);
  return found.filter((pid) => !spared.has(pid));
}

/** See {@linkcode EndLogin}. */
export const endLogin: StepKind<EndLogin> = {
  describe: (step) => `end the login of ${step.user} on ${step.tty}`,
  look: () => ({ already: false }),
  async apply(system, step, _before, timeoutMs) {
    const known = new Map(processesOf(system, step).map((pid) => [pid, startOf(system, pid)]));
    // a prompt that comes in its place is none of it
    const left = () => [...known].flatMap(([pid, start]) => start && stillRuns(system, { pid, start }) ? [pid] : []);
    // TERM ends an X server, which a shell does not heed; that ends when its terminal hangs up
    if (!await endAll(system, left, ["TERM", "HUP"], timeoutMs)) {
      throw new AidError(`the login of ${step.user} on ${step.tty} does not end`, `look at: ps --tty ${step.tty}`);
    }
  },
  undo: () => {},
};
