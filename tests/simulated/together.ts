/**
 * Processes that are started together, as a unit or a session does.
 *
 * @module
 */

import type { SimulatedHost } from "./host.ts";
import type { ProcessSpec } from "./machine.ts";
import type { SimulatedProcess } from "./processes.ts";

/** How long an X server or compositor takes to see that there is no card. */
const DISPLAY_MS = 100;

/** How long a program takes to see that its X server is gone. */
const CLIENT_MS = 20;

/** Is there a card to show something on? */
function hasDisplay({ tree }: SimulatedHost): boolean {
  return [...tree.folderAt("/dev/dri")?.children.keys() ?? []].some((name) => /^card\d+$/.test(name));
}

/** Has a program end soon after its X server: one that was started together with it, or the latest of that name. */
function endWithDisplay(host: SimulatedHost, process: SimulatedProcess, together: readonly SimulatedProcess[]): void {
  const is = ({ spec }: SimulatedProcess) => spec.comm === process.spec.display;
  const server = together.findLast(is) ?? [...host.processes.all.values()].findLast(is);
  const end = () => host.processes.end(process, 1);
  if (server) server.onEnd.push(() => host.after(CLIENT_MS, end));
  else host.after(DISPLAY_MS, end);
}

/**
 * Starts processes. A node that is not there is not open in them; what needs a display ends without one.
 *
 * @param specs Them, each after the one that starts it.
 * @param common What they have in common, where they do not say otherwise; `parent` is that of those that none starts.
 */
export function startTogether(
  host: SimulatedHost,
  specs: readonly ProcessSpec[],
  common: { readonly parent: number; readonly cgroup: string; readonly uid: number },
): SimulatedProcess[] {
  const there = (path: string) => !path.startsWith("/dev/") || host.tree.find(path) !== undefined;
  const started: SimulatedProcess[] = [];
  for (const spec of specs) {
    const above = started.findLast((process) => process.spec.comm === spec.startedBy);
    const process = host.processes.spawn({
      ...common,
      ...spec,
      parent: above?.pid ?? common.parent,
      open: spec.open?.filter(there),
      maps: spec.maps?.filter(there),
    });
    started.push(process);
    if (spec.display) endWithDisplay(host, process, started);
    if (spec.needs !== "display" || hasDisplay(host)) continue;
    host.after(DISPLAY_MS, () => host.processes.end(process, 1));
  }
  return started;
}

/** Does something later, or at once, if what counts the changes of a service still says the same then. */
export function laterWhileSame(host: SimulatedHost, turn: () => number, ms: number, act: () => void): void {
  const before = turn();
  const go = () => {
    if (before === turn()) act();
  };
  if (ms === 0) go();
  else host.after(ms, go);
}
