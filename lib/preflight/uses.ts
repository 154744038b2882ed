/**
 * Checks of what the host itself uses the functions for.
 *
 * @module
 */

import type { Use } from "../host/uses.ts";
import { heldBy } from "../host/holders.ts";
import { type Check, type Facts, few } from "./finding.ts";

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
    hint: `<allow only-route="yes"/> in /etc/virt-aid/config.xml says that this is meant`,
  }];
};

/** The host keeps a keyboard. */
export const keepsKeyboard: Check = (facts) => {
  if (facts.allow.lastKeyboard || !last(facts.host.keyboards, facts)) return [];
  return [{
    reason: `the host's last keyboard, ${few(facts.host.keyboards.map((use) => use.what))}, would go`,
    hint: `<allow last-keyboard="yes"/> in /etc/virt-aid/config.xml says that this is meant`,
  }];
};

/** Whoever holds one of them goes. */
export const noHolders: Check = ({ leave }) =>
  leave.staying.map(({ holder, why }) => ({
    reason: why ? `${heldBy(holder)}; ${why}` : heldBy(holder),
    hint: `end ${holder.name}, then start the guest again`,
  }));

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
