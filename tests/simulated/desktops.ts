/**
 * Desktops that can be put on a machine: data alone, one file for each in tests/simulated/desktops/.
 *
 * @module
 */

import { gnome } from "./desktops/gnome.ts";
import { kde } from "./desktops/kde.ts";
import type { Desktop, DesktopNodes } from "./desktops/parts.ts";
import { plain } from "./desktops/plain.ts";
import { startx, startxNoLogind } from "./desktops/startx.ts";
import { sway } from "./desktops/sway.ts";
import type { FunctionSpec, Machine } from "./machine.ts";

/** All of them. */
export const DESKTOPS: Readonly<Record<DesktopName, (nodes: DesktopNodes) => Desktop>> = {
  gnome,
  kde,
  sway,
  startx,
  "startx-no-logind": startxNoLogind,
  plain,
};

/** Name of a desktop. */
export type DesktopName = "gnome" | "kde" | "sway" | "startx" | "startx-no-logind" | "plain";

/** What NVIDIA's driver has beside DRM. */
const NVIDIA = ["/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia-modeset"] as const;

/** Nodes that a desktop uses on these cards. */
export function nodesOf({ functions }: Machine, addresses: readonly string[]): DesktopNodes {
  const numbers = <N>(of: readonly FunctionSpec[], pick: (spec: FunctionSpec) => N | undefined) =>
    of.flatMap((spec) => pick(spec) ?? []);
  const cards = functions.filter(({ address }) => addresses.includes(address));
  const slots = addresses.map((address) => address.slice(0, -1));
  const beside = functions.filter(({ address }) => slots.includes(address.slice(0, -1)));
  const seat = numbers(cards, ({ drm }) => drm && `/dev/dri/card${drm.card}`);
  const nvidia = cards.some(({ driver }) => driver === "nvidia") ? NVIDIA : [];
  const render = numbers(cards, ({ drm }) => drm?.render).map((number) => `/dev/dri/renderD${number}`);
  return {
    cards: [...seat, ...render, ...nvidia],
    render: [...render, ...nvidia],
    seat,
    i2c: numbers(cards, ({ drm }) => drm?.i2c).flat().map((bus) => `/dev/i2c-${bus}`),
    playing: numbers(beside, ({ sound }) => sound).flatMap((card) => [
      `/dev/snd/controlC${card}`,
      `/dev/snd/pcmC${card}D3p`,
    ]),
    controls: numbers(functions, ({ sound }) => sound).map((card) => `/dev/snd/controlC${card}`),
  };
}

/**
 * A machine with a desktop on it that runs: somebody is logged in, a film plays.
 *
 * @param cards Addresses of the functions that it uses; GNOME takes all that there are.
 */
export function withDesktop(machine: Machine, desktop: DesktopName, ...cards: readonly [string, ...string[]]): Machine {
  const { units = [], sessions = [], processes = [] } = DESKTOPS[desktop](nodesOf(machine, cards));
  return {
    ...machine,
    name: `${machine.name} with ${desktop}`,
    units: [...machine.units ?? [], ...units],
    sessions: [...machine.sessions ?? [], ...sessions],
    processes: [...machine.processes ?? [], ...processes],
  };
}
