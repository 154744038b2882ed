/**
 * prepare-begin: plans the hand-over, checks everything, and does it; or refuses, with nothing touched.
 *
 * @module
 */

import { apply } from "../apply.ts";
import { decided, unknownClaims } from "../claims.ts";
import { type Domain, parseDomain } from "../domain.ts";
import { AidError, hintOf } from "../errors.ts";
import { MAX_XML } from "../event.ts";
import { lockGuest, PATIENCE_MS } from "../guest-lock.ts";
import { remember, whyNeverUp } from "../history.ts";
import { isLibvirt, nameOf, parentOf, qemuRuns } from "../host/processes.ts";
import {
  type Journal,
  journalPath,
  readJournal,
  readJournals,
  readReturned,
  releasedPath,
  RETURNED,
  saveJournal,
} from "../journal.ts";
import { type Log, openLog } from "../log.ts";
import { look, stuckAt } from "../look.ts";
import type { Plan } from "../plan.ts";
import { daemonOf } from "../recover.ts";
import { untilNoneStarts } from "../returned.ts";
import { describe } from "../steps/mod.ts";
import type { System } from "../system.ts";
import { takeBack } from "../undo.ts";
import { ensureViews } from "../views.ts";
import { guarded } from "./common.ts";

/** Of the dispatcher's 60 s, counted from our begin, at most half belongs to the steps, and the rest to the way back. */
const APPLY_MS = 30_000;
const ALL_MS = 55_000;
/** What an earlier start left behind gets at most so long. */
const EARLIER_MS = 15_000;
/** So often the host is looked at while functions change hands. */
const LOOKS = 3;

/** Throws all refusals as one message: the first line is what most people get to read. */
function refuse({ refusals }: Pick<Plan, "refusals">): never {
  const [first, ...more] = refusals;
  throw new AidError(
    [first!.reason, ...more.map((finding) => `also: ${finding.reason} (${finding.hint})`)].join("\n"),
    first!.hint,
  );
}

/** A journal before its first step. */
function emptyJournal(system: System, { name, uuid }: Domain, claims: readonly string[] = []): Journal {
  const began = system.date().toISOString();
  return { version: 1, guest: { name, uuid }, daemon: daemonOf(system), began, state: "applying", claims, entries: [] };
}

/** Plans, and puts the journal with its claims in place; nobody else decides meanwhile. */
async function claim(system: System, domain: Domain, log: Log, isWanted: () => boolean): Promise<Plan> {
  let plan: Plan | undefined;
  for (let left = LOOKS; plan === undefined; left--) {
    const seen = await look(system, domain);
    plan = await decided(system, () => {
      // another guest that had one of the functions has just ended
      if (left > 1 && seen.isOld()) return undefined;
      const plan = seen.plan();
      if (plan.refusals.length > 0) return plan;
      if (!isWanted()) throw nobody();
      saveJournal(system, emptyJournal(system, domain, plan.claims));
      // a desktop that is to go again is not watched any more
      if (readReturned(system)?.cards.some((card) => plan.claims.includes(card))) system.remove(RETURNED);
      return plan;
    });
  }
  for (const unknown of unknownClaims(system, domain.uuid)) log.warn(unknown);
  for (const warning of plan.warnings) log.warn(`${warning.reason}; ${warning.hint}`);
  if (plan.refusals.length > 0) refuse(plan);
  return plan;
}

/** Takes the steps back after one of them failed, and says how that went. */
async function rollBack(
  system: System,
  domain: Domain,
  log: Log,
  failure: unknown,
  end: number,
): Promise<never> {
  const { uuid } = domain;
  const { message } = failure as Error;
  const hint = hintOf(failure);
  const waitMs = end - system.now();
  const journal = readJournals(system).journals.find(({ guest }) => guest.uuid === uuid);
  // already now: whatever is left in the end, a reboot leaves nothing of the journal
  remember(system, { ...journal ?? emptyJournal(system, domain), reason: message }, "failed");
  try {
    await takeBack(system, uuid, log, { hung: false, outcome: "rolled back", waitMs, reason: message });
  } catch (left) {
    throw new AidError(
      `${message}; not everything could be taken back:\n${(left as Error).message}`,
      (left as AidError).hint,
    );
  }
  throw new AidError(`${message}; everything was put back`, hint);
}

/** Takes back what an earlier start of the guest has left behind. */
async function takeBackEarlier(system: System, uuid: string, log: Log, hung: boolean): Promise<void> {
  const journal = readJournal(system, uuid);
  if (journal && qemuRuns(system, uuid)) {
    throw new AidError("it is running, started by another libvirt daemon", "look at `ps aux | grep qemu`");
  }
  system.remove(releasedPath(uuid));
  if (journal) {
    log.warn("an earlier start was never taken back: doing that first");
    const reason = whyNeverUp(journal);
    const taken = takeBack(system, uuid, log, { hung, outcome: "recovered", waitMs: EARLIER_MS, reason });
    await (hung ? taken.catch((left) => log.error(left.message)) : taken);
  }
  if (hung) refuse({ refusals: [stuckAt(readJournal(system, uuid))] });
}

/** Comes to a plan whose claims are in place, or remembers what keeps the start from that. */
async function ready(
  system: System,
  domain: Domain,
  log: Log,
  { hung, isWanted }: { readonly hung: boolean; readonly isWanted: () => boolean },
): Promise<Plan> {
  try {
    await takeBackEarlier(system, domain.uuid, log, hung);
    return await claim(system, domain, log, isWanted);
  } catch (error) {
    const reason = (error as Error).message.replaceAll("\n", "; ");
    remember(system, { ...emptyJournal(system, domain), reason }, "refused");
    throw error;
  }
}

/**
 * Is somebody there who will use what is handed over? Where the dispatcher has died nobody may call release: libvirt calls
 * it while there is no journal yet, or has died too. One that libvirt had left before it could look is not wanted either.
 */
function wantedBy(system: System): () => boolean {
  const dispatcher = system.parent();
  const orphan = nameOf(system, dispatcher) === "qemu" && parentOf(system, dispatcher) === 1 && !isLibvirt(system, 1);
  return () => !orphan && system.parent() === dispatcher;
}

const nobody = () => new AidError("libvirt's hook has ended, and nobody waits for the guest", "start it again");

/** Hands the guest's functions over. */
async function handOver(system: System, domain: Domain, log: Log, began: number): Promise<void> {
  const { uuid } = domain;
  const isWanted = wantedBy(system);
  const lock = await lockGuest(system, uuid, PATIENCE_MS);
  try {
    const plan = await ready(system, domain, log, { hung: lock.hung, isWanted });
    const applying = system.now();
    try {
      await untilNoneStarts(system);
      for await (const entry of apply(system, uuid, plan.steps, began + APPLY_MS)) {
        const how = entry.state === "skipped" ? "already so" : `${Math.round(entry.ms ?? 0)} ms`;
        log.info(`${describe(entry.step)}: ${how}`);
        if (entry.note) log.warn(entry.note);
      }
      if (!isWanted()) throw nobody();
    } catch (failure) {
      await rollBack(system, domain, log, failure, began + ALL_MS);
    }
    log.info(`handed over ${plan.claims.join(", ")} in ${Math.round(system.now() - applying)} ms`);
  } finally {
    lock.release();
  }
}

/**
 * Main function of prepare-begin.
 *
 * @param args As libvirt gives them: GUEST prepare begin -.
 * @returns The exit status: 0 when the guest may start, 1 when it may not.
 */
export function prepareBegin(system: System, args: readonly string[]): Promise<number> {
  return guarded(system, args, async (guest) => {
    const began = system.now();
    const xml = await system.input(MAX_XML);
    if (!xml) {
      throw new AidError("the guest's XML has more than 16 MiB", "it cannot be checked, so nothing is handed over");
    }
    const domain = parseDomain(new TextDecoder().decode(xml));
    if (domain.pci.length === 0 && system.info(journalPath(domain.uuid)) === undefined) return;
    await ensureViews(system);
    await handOver(system, domain, openLog(system, guest), began);
  });
}
