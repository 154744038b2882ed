/**
 * The plan: what a start would do, as data. A pure function of the guest, the config and the host, so that
 * `virt-aid plan` shows exactly what a start does.
 *
 * @module
 */

import { type Config, configFor, type DesktopPolicy } from "./config.ts";
import type { Domain } from "./domain.ts";
import { FRAME_BUFFER_CONSOLE } from "./host/console.ts";
import type { Display } from "./host/display.ts";
import type { Holder } from "./host/holders.ts";
import type { Host, Question } from "./host/mod.ts";
import { type Leave, leaveOf } from "./leave.ts";
import { againSteps, awakeSteps, leaveSteps } from "./leave-steps.ts";
import type { Finding } from "./preflight/finding.ts";
import { preflight } from "./preflight/mod.ts";
import { driverOfModel, PLAIN_DRIVER, type Target, targetsOf } from "./preflight/targets.ts";
import type { SetPower, Step, Unbind } from "./step.ts";
import { isAway } from "./desktop-step.ts";

/** What a start would do. */
export interface Plan {
  /** The guest. */
  readonly guest: { readonly name: string; readonly uuid: string };
  /** The steps in their order; none where it is refused. */
  readonly steps: readonly Step[];
  /** Why the start is refused; none where it is not. */
  readonly refusals: readonly Finding[];
  /** What else is worth knowing. */
  readonly warnings: readonly Finding[];
  /** Who has one of its functions open now: those of the desktop go with that, all others are among the refusals. */
  readonly holders: readonly Holder[];
  /** PCI functions that no other guest may have from now on. */
  readonly claims: readonly string[];
}

/** What has to be known of the host to plan for a guest. */
export function questionFor(domain: Domain, config: Config): Question {
  return {
    services: configFor(config, domain.name).services,
    pci: domain.pci.map((device) => device.address),
    drivers: [
      ...new Set([
        PLAIN_DRIVER,
        ...domain.pci.flatMap(({ driverModel }) => driverModel ? [driverOfModel(driverModel)] : []),
      ]),
    ],
    files: [
      ...new Set([
        ...domain.disks.flatMap((disk) => disk.source ?? []),
        ...domain.files,
        ...(domain.nvram ? [domain.nvram.path, domain.nvram.template] : []),
        ...domain.evdev,
      ]),
    ],
  };
}

/** What the host shows on a card: remembered first, then taken off it. */
function screenSteps(displays: readonly Display[], policy: DesktopPolicy, away: readonly Step[]): Step[] {
  // the console that another guest has taken off its card would be on ours as soon as that guest ends
  const console = !policy.keepConsoles &&
    displays.some((display) => display.console || away.some(({ kind }) => kind === "unbind-console"));
  return [
    ...displays.map(({ address }): Step => ({ kind: "remember-display", address })),
    ...console ? [{ kind: "unbind-console", console: FRAME_BUFFER_CONSOLE } as const] : [],
    ...displays.flatMap(({ firmware }) => firmware.map((device): Step => ({ kind: "unbind-firmware", device }))),
  ];
}

/** What happens to the modules of cards that go. */
interface ModuleSteps {
  /** They are unloaded, in this order. */
  readonly unload: readonly Step[];
  /** They are kept from being loaded. */
  readonly block: readonly Step[];
}

/** Takes functions from the drivers of the host that they are on. */
function unbindSteps(moving: readonly Target[]): Unbind[] {
  return moving.flatMap(({ fn: { address, driver, module } }) =>
    driver === undefined ? [] : [{ kind: "unbind", address, driver, module }]
  );
}

/** Modules that go with the last of their cards, and those that nobody may load until the cards are back. */
function moduleSteps(displays: readonly Display[], unbinds: readonly Unbind[], limitMs: number): ModuleSteps {
  const going = new Set(displays.map(({ address }) => address));
  // a module that another card needs stays, and the card leaves it as it is
  const free = displays.filter(({ unload, sharing }) =>
    unload.length > 0 && sharing.every((other) => going.has(other))
  );
  const modules = [...new Set(free.flatMap(({ unload }) => unload))];
  const functions = unbinds.filter(({ address }) => free.some((display) => display.address === address));
  return {
    unload: modules.map((module): Step => ({ kind: "unload-module", module, functions, limitMs })),
    block: modules.length > 0 ? [{ kind: "block-modules", driver: modules.at(-1)!, modules }] : [],
  };
}

/** The functions change hands, each kind of step for all of them before the next kind. */
function moveSteps(moving: readonly Target[], unbinds: readonly Unbind[], { unload, block }: ModuleSteps): Step[] {
  const awake = ({ fn: { address } }: Target): SetPower => ({
    kind: "set-power",
    address,
    attribute: "power/control",
    value: "on",
  });
  return [
    ...moving.flatMap((target): Step[] => [
      { kind: "set-power", address: target.fn.address, attribute: "d3cold_allowed", value: "0" },
      awake(target),
    ]),
    // on all of them before the first is unbound: nothing can probe a function that waits for its turn
    ...moving.map(({ fn, driver }): Step => ({ kind: "set-override", address: fn.address, driver })),
    ...unload,
    ...unbinds,
    // after the functions have left: on the way back they may be loaded before the first function goes home
    ...block,
    ...moving.map(({ fn, driver }): Step => ({ kind: "bind", address: fn.address, driver })),
    ...moving.map((target): Step => ({ ...awake(target), again: true })),
  ];
}

/** All steps. */
function stepsFor(
  guest: string,
  targets: readonly Target[],
  host: Host,
  leave: Leave,
  policy: DesktopPolicy,
  away: readonly Step[],
): Step[] {
  const moving = targets.filter(({ fn, driver }) => fn.driver !== driver);
  const addresses = moving.map(({ fn }) => fn.address);
  const unbinds = unbindSteps(moving);
  const displays = host.displays.filter(({ address }) => addresses.includes(address));
  // the desktop that another guest has sent away would be back on our card as soon as that guest ends
  const shared = away.filter(isAway).filter(({ cards }) => displays.some(({ address }) => cards.includes(address)));
  const { desktop } = host;
  const going = [...shared, ...desktop ? leaveSteps(leave, desktop, policy) : []];
  return [
    ...[...new Set(moving.map((target) => target.driver))].map((module): Step => ({ kind: "load-module", module })),
    ...desktop && displays.length > 0 ? awakeSteps(desktop, guest) : [],
    ...going,
    ...going.length > 0 ? [{ kind: "wait-unused", addresses, limitMs: policy.wait * 1000 } as const] : [],
    ...screenSteps(displays, policy, away),
    ...moveSteps(moving, unbinds, moduleSteps(displays, unbinds, policy.wait * 1000)),
    ...targets.map(({ fn, driver }): Step => ({ kind: "verify", address: fn.address, driver })),
    ...againSteps(leave),
  ];
}

/**
 * Plans the start of a guest.
 *
 * @param domain The guest, by `parseDomain`.
 * @param config The config, by `readConfig`.
 * @param host The host as it is, by `readHost` with `questionFor(domain, config)`.
 * @param away Steps of other guests that they have not taken back, by `awayOf`.
 */
export function planStart(domain: Domain, config: Config, host: Host, away: readonly Step[] = []): Plan {
  // without a PCI function there is nothing of ours to do, and libvirt itself says what else is missing
  if (domain.pci.length === 0) {
    const guest = { name: domain.name, uuid: domain.uuid };
    return { guest, steps: [], refusals: [], warnings: [], holders: [], claims: [] };
  }
  const targets = targetsOf(domain, host);
  const policy = configFor(config, domain.name);
  const leave = leaveOf({ host, targets, ...policy });
  const { refusals, warnings } = preflight({ domain, host, targets, leave, ...policy });
  return {
    guest: { name: domain.name, uuid: domain.uuid },
    steps: refusals.length > 0 ? [] : stepsFor(domain.name, targets, host, leave, policy.desktop, away),
    refusals,
    warnings,
    holders: host.holders.filter(({ address }) => targets.some(({ fn }) => fn.address === address)),
    claims: targets.map(({ fn }) => fn.address),
  };
}
