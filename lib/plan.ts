/**
 * The plan: what a start would do, as data. A pure function of the guest, the config and the host, so that
 * `virt-aid plan` shows exactly what a start does.
 *
 * @module
 */

import { type Config, configFor } from "./config.ts";
import type { Domain } from "./domain.ts";
import type { Host, Question } from "./host/mod.ts";
import type { Finding } from "./preflight/finding.ts";
import { preflight } from "./preflight/mod.ts";
import { driverOfModel, PLAIN_DRIVER, type Target, targetsOf } from "./preflight/targets.ts";
import type { SetPower, Step } from "./step.ts";

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
  /** PCI functions that no other guest may have from now on. */
  readonly claims: readonly string[];
}

/** What has to be known of the host to plan for a guest. */
export function questionFor(domain: Domain): Question {
  return {
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

/** The steps for functions that have to move, each kind for all of them before the next kind. */
function stepsFor(targets: readonly Target[]): Step[] {
  const moving = targets.filter(({ fn, driver }) => fn.driver !== driver);
  const awake = ({ fn: { address } }: Target): SetPower => ({
    kind: "set-power",
    address,
    attribute: "power/control",
    value: "on",
  });
  return [
    ...[...new Set(moving.map((target) => target.driver))].map((module): Step => ({ kind: "load-module", module })),
    ...moving.flatMap((target): Step[] => [
      { kind: "set-power", address: target.fn.address, attribute: "d3cold_allowed", value: "0" },
      awake(target),
    ]),
    // on all of them before the first is unbound: nothing can probe a function that waits for its turn
    ...moving.map(({ fn, driver }): Step => ({ kind: "set-override", address: fn.address, driver })),
    ...moving.flatMap(({ fn: { address, driver, module } }): Step[] =>
      driver === undefined ? [] : [{ kind: "unbind", address, driver, module }]
    ),
    ...moving.map(({ fn, driver }): Step => ({ kind: "bind", address: fn.address, driver })),
    ...moving.map((target): Step => ({ ...awake(target), again: true })),
    ...targets.map(({ fn, driver }): Step => ({ kind: "verify", address: fn.address, driver })),
  ];
}

/**
 * Plans the start of a guest.
 *
 * @param domain The guest, by `parseDomain`.
 * @param config The config, by `readConfig`.
 * @param host The host as it is, by `readHost` with `questionFor(domain)`.
 */
export function planStart(domain: Domain, config: Config, host: Host): Plan {
  // without a PCI function there is nothing of ours to do, and libvirt itself says what else is missing
  if (domain.pci.length === 0) {
    return { guest: { name: domain.name, uuid: domain.uuid }, steps: [], refusals: [], warnings: [], claims: [] };
  }
  const targets = targetsOf(domain, host);
  const { refusals, warnings } = preflight({ domain, host, targets, ...configFor(config, domain.name) });
  return {
    guest: { name: domain.name, uuid: domain.uuid },
    steps: refusals.length > 0 ? [] : stepsFor(targets),
    refusals,
    warnings,
    claims: targets.map(({ fn }) => fn.address),
  };
}
