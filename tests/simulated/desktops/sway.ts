/**
 * sway with greetd: all of it is in the scope of the session, whose leader is greetd's worker, and greetd ends it when
 * it is stopped. The greeter is a program on the text console.
 *
 * @module
 */

import { type Desktop, type DesktopNodes, graphicalSession, greeter, manager, pipewire, session } from "./parts.ts";

const WORKER = { comm: "greetd", args: ["/usr/bin/greetd", "--session-worker", "13"], uid: 0 } as const;

/** See the module's text. */
export function sway(nodes: DesktopNodes): Desktop {
  const { cards, render, seat } = nodes;
  return {
    units: [
      manager("greetd", "/usr/bin/greetd"),
      ...pipewire(nodes),
      { ...graphicalSession([]), state: "inactive" }, // nothing starts it for a compositor that is no unit
    ],
    sessions: [
      session({
        ...{ id: "3", tty: "tty1", service: "greetd", unit: "greetd.service", devices: seat },
        processes: [
          WORKER,
          { comm: "sway", args: ["sway"], startedBy: "greetd", needs: "display", open: cards, endsAfter: 100 },
          { comm: "swaybg", args: ["swaybg", "-o", "*"], startedBy: "sway" },
          { comm: "foot", args: ["foot"], startedBy: "sway" },
          { comm: "mpv", args: ["mpv", "film.mkv"], startedBy: "foot", open: render },
        ],
      }),
      {
        ...greeter,
        ...{ uid: 118, user: "greeter", type: "tty", service: "greetd-greeter", unit: "greetd.service" },
        processes: [WORKER, { comm: "agreety", args: ["agreety", "--cmd", "sway"], startedBy: "greetd" }],
      },
    ],
  };
}
