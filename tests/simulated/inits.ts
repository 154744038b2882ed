/**
 * Machines with an init system other than systemd, and a desktop on them.
 *
 * @module
 */

import type { InitName } from "../../lib/host/inits/init.ts";
import type { ServiceSpec, UnitSpec } from "./desktop.ts";
import { nodesOf } from "./desktops.ts";
import { lightdm } from "./desktops/lightdm.ts";
import type { DesktopNodes } from "./desktops/parts.ts";
import { chain } from "./desktops/startx.ts";
import type { Machine } from "./machine.ts";

/** An init system that is not systemd. */
export type OtherInit = Exclude<InitName, "systemd">;

/** A desktop on such a machine: LightDM with elogind, or a login by a getty that starts X, without any logind. */
export type OtherDesktop = "lightdm" | "startx";

/** What services are called: the display manager, the login prompt on the first console, and all the others. */
const NAMES: Readonly<
  Record<OtherInit, { readonly manager: string; readonly getty: string; readonly other: (name: string) => string }>
> = {
  OpenRC: { manager: "display-manager", getty: "agetty.tty1", other: (name) => name },
  runit: { manager: "lightdm", getty: "agetty-tty1", other: (name) => name },
  // the names that Artix has: a bundle of the plain name with the service in it
  s6: { manager: "lightdm-srv", getty: "agetty-tty1", other: (name) => `${name}-srv` },
  dinit: { manager: "lightdm", getty: "tty1", other: (name) => name },
};

/** All of them. */
export const OTHER_INITS = Object.keys(NAMES) as OtherInit[];

/** The name of the service that a desktop hangs on. */
export function serviceOf(init: OtherInit, desktop: OtherDesktop): string {
  return NAMES[init][desktop === "lightdm" ? "manager" : "getty"];
}

/** A service, with the bundle that s6 has for it. */
function called(init: OtherInit, service: ServiceSpec): ServiceSpec {
  return init === "s6" && service.name.endsWith("-srv")
    ? { ...service, aliases: [service.name.replace(/-srv$/, "")] }
    : service;
}

/** A unit of the machine as a service. */
function asService(init: OtherInit, { name, processes = [] }: UnitSpec): ServiceSpec {
  return { name: NAMES[init].other(name.replace(/\.service$/, "")), processes };
}

/** The login that starts X, again and again. OpenRC's gettys have a supervisor of their own, in their control group. */
function login(init: OtherInit, nodes: DesktopNodes): ServiceSpec {
  const name = NAMES[init].getty;
  if (init !== "OpenRC") return { name, processes: chain(nodes), restart: true };
  const args = ["supervise-daemon", name, "--start", "--pidfile", `/run/${name}.pid`, "/sbin/agetty"];
  const [first, ...others] = chain(nodes);
  return {
    name,
    processes: [
      { comm: "supervise-daemo", args, role: "supervisor" },
      { ...first!, startedBy: "supervise-daemo" },
      ...others,
    ],
    restart: true,
  };
}

/**
 * A machine with that init system instead of systemd, and with a desktop that runs: somebody is logged in, a film plays.
 *
 * @param cards Addresses of the functions that the desktop uses.
 */
export function withInit(
  machine: Machine,
  init: OtherInit,
  desktop: OtherDesktop,
  ...cards: readonly [string, ...string[]]
): Machine {
  const nodes = nodesOf(machine, cards);
  const others = (machine.units ?? []).filter(({ user }) => user === undefined).map((unit) => asService(init, unit));
  const shown = desktop === "lightdm"
    ? lightdm(NAMES[init].manager, nodes)
    : { service: login(init, nodes), sessions: [] };
  return {
    ...machine,
    name: `${machine.name} with ${init} and ${desktop}`,
    init,
    logind: desktop === "lightdm" ? "elogind" : undefined,
    units: undefined,
    // what dinit is booted with, and what is up as long as the machine is to be
    services: [...init === "dinit" ? [{ name: "boot", processes: [] }] : [], ...others, shown.service].map((service) =>
      called(init, service)
    ),
    sessions: shown.sessions,
  };
}
