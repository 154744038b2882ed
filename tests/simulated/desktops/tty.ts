/**
 * Desktops that a user has started on the first text console, after a login by hand or one that the getty does by itself:
 * compositors, and X. What opens the card for them is logind or elogind, or, where neither is there, seatd.
 *
 * @module
 */

import type { InitName } from "../../../lib/host/inits/init.ts";
import type { ServiceSpec, SessionSpec, UnitSpec } from "../desktop.ts";
import { nodesOf } from "../desktops.ts";
import type { SimulatedHost } from "../host.ts";
import { serviceOf, withInit } from "../inits.ts";
import type { Machine, ProcessSpec } from "../machine.ts";
import { startTogether } from "../together.ts";
import { ANN, atSeat, type DesktopNodes, graphicalSession, pipewire } from "./parts.ts";
import { chain, getty } from "./startx.ts";

/** A desktop on a text console. */
export interface OnTty {
  /** What runs the host's services. */
  readonly init: InitName;
  /** Who opens the card. */
  readonly seat: "logind" | "seatd";
  /** What shows the desktop. */
  readonly program: keyof typeof PROGRAMS;
  /** How the user has come in. */
  readonly login: "by itself" | "by hand";
  /** A compositor has Xwayland at work. */
  readonly xwayland?: true;
}

/** What a compositor's programs have in their environment. */
export const SHOWING = { WAYLAND_DISPLAY: "wayland-1", DISPLAY: ":0" } as const;

/**
 * A program that a compositor has started by a double fork: the one in between ends at once, and leaves it to init. Those
 * for users are in a session of the kernel's own, Xwayland is in that of the login.
 */
function orphan(compositor: string, spec: ProcessSpec): ProcessSpec[] {
  const fork = { comm: "(fork)", args: [compositor], startedBy: compositor, display: "none", tty: spec.tty };
  return [fork, { ...spec, startedBy: "(fork)", env: SHOWING, tty: undefined }];
}

/** From the shell to a compositor and what that has started: PipeWire too where no user's manager runs. */
function compositor(comm: string, nodes: DesktopNodes, { init, seat, xwayland }: OnTty): ProcessSpec[] {
  const { cards, render, playing, controls } = nodes;
  const managed = init === "systemd" && seat === "logind";
  const client = (name: string, more: Partial<ProcessSpec> = {}) =>
    orphan(comm, { comm: name, args: [name], tty: null, ...more });
  return [
    { comm: "bash", args: ["-bash"], startedBy: "login", tty: "tty1", role: "shell" },
    { comm, args: [comm], startedBy: "bash", needs: "display", open: cards, endsAfter: 100 },
    ...xwayland ? client("Xwayland", { open: render, display: comm, tty: undefined }) : [],
    ...client("foot", { open: render, display: comm }),
    { comm: "mpv", args: ["mpv", "film.mkv"], startedBy: "foot", open: render, display: comm },
    ...managed ? [] : [...client("pipewire", { open: playing }), ...client("wireplumber", { open: controls })],
  ];
}

/** What shows the desktop: what runs between the shell and its programs, and the type that logind has for the session. */
export const PROGRAMS = {
  // libseat tells logind; X does not
  sway: { comm: "sway", type: "wayland", below: (nodes, on) => compositor("sway", nodes, on) },
  hyprland: { comm: "Hyprland", type: "tty", below: (nodes, on) => compositor("Hyprland", nodes, on) },
  startx: { comm: "Xorg", type: "tty", below: (nodes) => chain(nodes).slice(1) },
} as const satisfies Readonly<
  Record<string, {
    readonly comm: string;
    readonly type: SessionSpec["type"];
    readonly below: (nodes: DesktopNodes, on: OnTty) => readonly ProcessSpec[];
  }>
>;

/** From the login to the programs. */
function processesOf(on: OnTty, nodes: DesktopNodes): ProcessSpec[] {
  const args = on.login === "by itself" ? ["/bin/login", "-f", "ann"] : ["/bin/login", "-p", "--", "ann"];
  return [
    { comm: "login", args, uid: 0, tty: null, role: "login" },
    ...PROGRAMS[on.program].below(nodes, on).map((spec) => ({ ...spec, uid: ANN.uid })),
  ];
}

/** The prompt, which nobody has used yet. */
const PROMPT: ProcessSpec = { comm: "agetty", args: ["/sbin/agetty", "--noclear", "tty1", "linux"], role: "manager" };

/** The unit or service of the login prompt. */
export const gettyOf = ({ init }: Pick<OnTty, "init">): string =>
  init === "systemd" ? getty.name : serviceOf(init, "startx");

/** What the prompt's service starts: the prompt, or with it somebody's session, or all that there is without one. */
function prompt(on: OnTty, nodes: DesktopNodes): Pick<ServiceSpec, "processes" | "sessions"> {
  if (on.login === "by hand") return { processes: [PROMPT] };
  if (on.seat === "seatd") return { processes: processesOf(on, nodes) };
  // to systemd, whoever has logged in is in the session alone
  return { processes: on.init === "systemd" ? [] : [PROMPT], sessions: ["1"] };
}

/** A machine on which ann has started a desktop on the first text console, or will have by {@linkcode logIn}. */
export function withTty(machine: Machine, on: OnTty, ...cards: readonly [string, ...string[]]): Machine {
  const nodes = nodesOf(machine, cards);
  const { init, seat, program, login } = on;
  const name = `${program} on a text console with ${init} and ${seat}, logged in ${login}`;
  const sessions: SessionSpec[] = seat === "logind"
    ? [{
      ...atSeat,
      ...{ id: "1", type: PROGRAMS[program].type, tty: "tty1", service: "login", unit: gettyOf(on) },
      processes: processesOf(on, nodes),
      devices: nodes.seat,
      later: login === "by hand",
    }]
    : [];
  const seatd = { name: "seatd", processes: [{ comm: "seatd", args: ["/usr/bin/seatd", "-g", "seat"], uid: 0 }] };
  if (init === "systemd") {
    const managed: UnitSpec[] = [...pipewire(nodes), { ...graphicalSession([]), state: "inactive" }];
    const beside = seat === "seatd" ? [{ ...seatd, name: "seatd.service" }] : managed;
    const units = [...machine.units ?? [], { ...getty, ...prompt(on, nodes) }, ...beside];
    return { ...machine, name, units, sessions };
  }
  const base = withInit(machine, init, "startx", ...cards);
  const services = base.services!.map((service) => {
    if (service.name !== gettyOf(on)) return service;
    const { processes: [first, ...others], sessions } = prompt(on, nodes);
    const [above] = service.processes.filter(({ role }) => role === "supervisor");
    const processes = above ? [above, { ...first!, startedBy: above.comm }, ...others] : [first!, ...others];
    return { ...service, processes, sessions };
  });
  return {
    ...base,
    name,
    sessions,
    logind: seat === "logind" ? "elogind" : undefined,
    services: seat === "seatd" ? [...services, seatd] : services,
  };
}

/** Ann logs in by hand at the prompt, and starts her desktop. */
export function logIn(host: SimulatedHost, on: OnTty, ...cards: readonly [string, ...string[]]): void {
  if (on.seat === "logind") return host.logind.start("1");
  const prompt = [...host.processes.all.values()].findLast(({ spec }) => spec.comm === "agetty")!;
  const common = { parent: prompt.pid, cgroup: prompt.cgroup, uid: 0 };
  startTogether(host, processesOf(on, nodesOf(host.machine, cards)), common);
}

/** seatd has the card open for the compositor that runs, and closes it when that has ended. */
export function serveSeat({ processes }: SimulatedHost, node: string): void {
  const all = [...processes.all.values()];
  const seatd = all.find(({ spec }) => spec.comm === "seatd")!;
  processes.open(seatd, node);
  all.find(({ spec }) => spec.needs === "display")!.onEnd.push(() => processes.close(seatd, node));
}
