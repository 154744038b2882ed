/**
 * Checks of what the host itself uses the functions for.
 *
 * @module
 */

import { CONFIG_FILE } from "../config.ts";
import { heldBy, type Holder } from "../host/holders.ts";
import { initNamed } from "../host/inits/mod.ts";
import { type Owner, ownerName, stays } from "../host/owners.ts";
import type { Use } from "../host/uses.ts";
import type { Staying } from "../leave.ts";
import { type Check, type Facts, few, type Finding } from "./finding.ts";

/** Is a use cut off when the targets go? */
function cut(use: Use, { targets }: Facts): boolean {
  return use.through.some((address) => targets.some(({ fn }) => fn.address === address));
}

/** Would the last of a kind go, and is there one that goes? */
function last(uses: readonly Use[], facts: Facts): boolean {
  return uses.some((use) => cut(use, facts)) && uses.every((use) => cut(use, facts));
}

/** No mounted disk is on it. */
export const noMountedDisk: Check = (facts) => {
  const mounted = facts.host.disks.filter((use) => cut(use, facts)).map((use) => use.what);
  if (mounted.length === 0) return [];
  return [{
    reason: `the host uses a disk on it: ${few(mounted)}`,
    hint: "unmount it and stop what is on it, or pass another disk",
  }];
};

/** The host keeps a way to the network. */
export const keepsRoute: Check = (facts) => {
  const routes = facts.host.routes.filter((use) => use.through.length > 0);
  if (facts.allow.onlyRoute || !last(routes, facts)) return [];
  return [{
    reason: `the host's only way to the network, ${few(routes.map((use) => use.what))}, would go`,
    hint: `<allow only-route="yes"/> in ${CONFIG_FILE} says that this is meant`,
  }];
};

/** The host keeps a keyboard. */
export const keepsKeyboard: Check = (facts) => {
  if (facts.allow.lastKeyboard || !last(facts.host.keyboards, facts)) return [];
  return [{
    reason: `the host's last keyboard, ${few(facts.host.keyboards.map((use) => use.what))}, would go`,
    hint: `<allow last-keyboard="yes"/> in ${CONFIG_FILE} says that this is meant`,
  }];
};

/** Processes that stay for one reason, all of one kind. */
interface Group extends Staying {
  /** Names of their programs, a few of them. */
  readonly names: string;
  /** What else there is to go by. */
  readonly facts: Facts;
}

const end = ({ names }: Group) => `end ${names}, then start the guest again`;
const endOrSay = (group: Group) =>
  `${end(group)}; <desktop holders="terminate"/> in ${CONFIG_FILE} has every start do so`;

/** What a person can do, by what the processes belong to. Nobody is sent to end what the host hangs on. */
const REMEDIES: Readonly<Record<Owner["kind"], (group: Group) => string>> = {
  guest: ({ holder: { address }, facts: { host } }) => {
    const guest = host.claims[address];
    return guest === undefined
      ? "shut that guest down first: `virsh list` shows those that run"
      : `shut it down first: \`virsh shutdown ${guest}\``;
  },
  host: () =>
    "start the guest again in a moment: it may only be looking at the card; if it keeps that, give it to vfio-pci at boot",
  service: ({ holder: { owner }, facts: { host } }) => {
    const unit = ownerName(owner);
    const stop = host.desktop?.init === undefined
      ? `stop ${unit}`
      : `\`${initNamed(host.desktop.init).stopCommand(unit)}\``;
    return `${stop}, or have every start do so: <service name="${unit}"/> in ${CONFIG_FILE}`;
  },
  login: (group) => group.why === undefined ? end(group) : "take the automatic login there away, then log out there",
  "user-unit": end, // that may be started again at once, whoever ends it
  session: endOrSay,
  none: endOrSay,
};

/** Could it not be looked into, or was it gone before it was asked for its name? */
const unseen = ({ node, name }: Holder) => node === undefined || name === "?";

/** The same, also for those that are not told by what they belong to. */
function remedyFor(group: Group): string {
  const { holder } = group;
  const { owner } = holder;
  if (owner.kind === "guest") return REMEDIES.guest(group);
  if (unseen(holder)) {
    return `start the guest again; if it is still there then, \`ls -l /proc/${holder.pid}/fd\` as root shows what it has open`;
  }
  if (group.orphan) {
    return `put <service name="NAME"/> into ${CONFIG_FILE}, where NAME is the service that starts the desktop`;
  }
  return REMEDIES[stays(owner) ? "host" : owner.kind](group);
}

/** What there is to say about processes that stay for one reason: the first one in full, of others a few names. */
function stayingOf(group: readonly Staying[], facts: Facts): Finding {
  const { holder, why } = group[0]!;
  const own = group.flatMap(({ holder: { pid, node } }) => pid === holder.pid ? node ?? [] : []);
  const others = group.filter((one) => one.holder.pid !== holder.pid)
    .map((one) => `${one.holder.name} (pid ${one.holder.pid})`);
  const reason = [
    heldBy({ ...holder, node: holder.node && few(own) }),
    why === undefined && holder.owner.kind === "service" && `, of ${holder.owner.unit}`,
    why && `; ${why}`,
    others.length > 0 && `; also by ${few([...new Set(others)])}`,
  ];
  const names = few([...new Set(group.map((one) => one.holder.name))]);
  return { reason: reason.filter(Boolean).join(""), hint: remedyFor({ ...group[0]!, names, facts }) };
}

/** Whoever holds one of them goes. One line for each function and reason: no crowd of programs hides what else is wrong. */
export const noHolders: Check = (facts) => {
  const groups = Map.groupBy(facts.leave.staying, (staying) => {
    const { holder: { address, owner }, why } = staying;
    const named = owner.kind === "service" || owner.kind === "login" ? ownerName(owner) : owner.kind;
    return [address, unseen(staying.holder), staying.orphan || named, why].join(" ");
  });
  return [...groups.values()].map((group) => stayingOf(group, facts));
};

/** No module keeps those of a card's driver that have to be unloaded. */
export const noForeignModules: Check = ({ host, targets }) =>
  host.displays.flatMap(({ address, needed, sharing }) => {
    const goes = (one: string) => targets.some(({ fn, driver }) => fn.address === one && fn.driver !== driver);
    if (needed.length === 0 || ![address, ...sharing].every(goes)) return [];
    return [{
      reason: `${few(needed)} keeps the driver of ${address} loaded`,
      hint: `unload it (rmmod ${needed[0]}), and keep it from being loaded at boot`,
    }];
  });
