/**
 * prepare-begin: plans the hand-over, checks everything, and does it; or refuses, with nothing touched.
 *
 * @module
 */

import { apply } from "../apply.ts";
import { awayOf, claimsOf, decided, everAway, others, unknownClaims } from "../claims.ts";
import { readConfig } from "../config-file.ts";
import { type Domain, parseDomain } from "../domain.ts";
import { AidError, hintOf } from "../errors.ts";
import { MAX_XML } from "../event.ts";
import { lockGuest, PATIENCE_MS } from "../guest-lock.ts";
import { remember } from "../history.ts";
import { readHost } from "../host/mod.ts";
import {
  type Journal,
  journalPath,
  readJournal,
  readReturned,
  releasedPath,
  RETURNED,
  saveJournal,
} from "../journal.ts";
import { type Log, openLog } from "../log.ts";
import { type Plan, planStart, questionFor } from "../plan.ts";
import { daemonOf } from "../recover.ts";
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

/** Throws all refusals as one message: the first line is what most people get to read. */
function refuse({ refusals }: Plan): never {
  const [first, ...more] = refusals;
  throw new AidError(
    [first!.reason, ...more.map((finding) => `also: ${finding.reason} (${finding.hint})`)].join("\n"),
    first!.hint,
  );
}

/** A journal before its first step. */
function emptyJournal(system: System, plan: Plan): Journal {
  const began = system.date().toISOString();
  const { guest, claims } = plan;
  return { version: 1, guest, daemon: daemonOf(system), began, state: "applying", claims, entries: [] };
}

/** Plans, and puts the journal with its claims in place; nobody else decides meanwhile. */
async function claim(system: System, domain: Domain, log: Log): Promise<Plan> {
  const config = readConfig(system);
  const earlier = awayOf(others(system, domain.uuid));
  const host = await readHost(system, questionFor(domain, config));
  const plan = await decided(system, () => {
    const journals = others(system, domain.uuid);
    const plan = planStart(
      domain,
      config,
      { ...host, claims: claimsOf(journals) },
      everAway(earlier, awayOf(journals)),
    );
    if (plan.refusals.length > 0) return plan;
    saveJournal(system, emptyJournal(system, plan));
    // a desktop that is to go again is not watched any more
    if (readReturned(system)?.cards.some((card) => plan.claims.includes(card))) system.remove(RETURNED);
    return plan;
  });
  for (const unknown of unknownClaims(system, domain.uuid)) log.warn(unknown);
  for (const warning of plan.warnings) log.warn(`${warning.reason}; ${warning.hint}`);
  if (plan.refusals.length > 0) {
    const reason = plan.refusals.map((finding) => finding.reason).join("; ");
    remember(system, { ...emptyJournal(system, plan), reason }, "refused");
    refuse(plan);
  }
  return plan;
}

/** Takes the steps back after one of them failed, and says how that went. */
async function rollBack(
  system: System,
  uuid: string,
  log: Log,
  failure: unknown,
  end: number,
): Promise<never> {
  const { message } = failure as Error;
  const hint = hintOf(failure);
  const waitMs = end - system.now();
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
  system.remove(releasedPath(uuid));
  if (readJournal(system, uuid)) {
    log.warn("an earlier start was never taken back: doing that first");
    await takeBack(system, uuid, log, { hung, outcome: "recovered", waitMs: EARLIER_MS });
  }
  // it could be at anything, and goes on with it when the kernel lets it
  if (hung) {
    throw new AidError("a program of an earlier start sits in the kernel", "only a reboot frees what it hangs at");
  }
}

/** Hands the guest's functions over. */
async function handOver(system: System, domain: Domain, log: Log, began: number): Promise<void> {
  const { uuid } = domain;
  const lock = await lockGuest(system, uuid, PATIENCE_MS);
  try {
    await takeBackEarlier(system, uuid, log, lock.hung);
    const plan = await claim(system, domain, log);
    const applying = system.now();
    try {
      for await (const entry of apply(system, uuid, plan.steps, began + APPLY_MS)) {
        const how = entry.state === "skipped" ? "already so" : `${Math.round(entry.ms ?? 0)} ms`;
        log.info(`${describe(entry.step)}: ${how}`);
        if (entry.note) log.warn(entry.note);
      }
    } catch (failure) {
      await rollBack(system, uuid, log, failure, began + ALL_MS);
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
