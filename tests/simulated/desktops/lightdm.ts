/**
 * openbox with LightDM and elogind. LightDM runs the X server as root, which opens the card itself. PipeWire was started
 * by the session, and shows nothing: it stays when that ends, and so does the session, as one that is closing.
 *
 * @module
 */

import type { ServiceSpec, SessionSpec } from "../desktop.ts";
import type { ProcessSpec } from "../machine.ts";
import { atSeat, type DesktopNodes, greeter } from "./parts.ts";

/** What LightDM has as the leader of each session. */
const CHILD: ProcessSpec = { comm: "lightdm", args: ["lightdm", "--session-child", "12", "19"], uid: 0, role: "login" };

/** A program of the session. */
const program = (comm: string, more: Partial<ProcessSpec> = {}): ProcessSpec => (
  { comm, args: [`/usr/bin/${comm}`], startedBy: "openbox", ...more }
);

/** The service and the sessions that are its own. */
export function lightdm(
  name: string,
  { cards, render, playing, controls }: DesktopNodes,
): { readonly service: ServiceSpec; readonly sessions: readonly SessionSpec[] } {
  const xorg = [
    "/usr/lib/xorg/Xorg",
    ":0",
    "-seat",
    "seat0",
    "-auth",
    "/var/run/lightdm/root/:0",
    "-nolisten",
    "tcp",
    "vt7",
  ];
  return {
    service: {
      name,
      processes: [
        { comm: "lightdm", args: ["/usr/bin/lightdm"], role: "manager" },
        {
          ...{ comm: "Xorg", args: xorg, startedBy: "lightdm", tty: "tty7" },
          ...{ needs: "display", open: cards, endsAfter: 100 },
        },
      ],
      sessions: ["c1"],
    },
    sessions: [
      {
        ...atSeat,
        ...{ id: "2", type: "x11", tty: "tty7", service: "lightdm", unit: name },
        processes: [
          CHILD,
          { comm: "openbox", args: ["/usr/bin/openbox", "--startup"], startedBy: "lightdm", display: "Xorg" },
          program("alacritty", { open: render, display: "Xorg" }),
          program("pipewire", { open: playing }),
          program("wireplumber", { open: controls }),
        ],
      },
      {
        ...greeter,
        ...{ tty: "tty7", uid: 110, user: "lightdm", type: "x11", service: "lightdm-greeter", unit: name },
        processes: [
          CHILD,
          {
            ...{ comm: "lightdm-gtk-gre", args: ["/usr/sbin/lightdm-gtk-greeter"] },
            ...{ startedBy: "lightdm", display: "Xorg" },
          },
        ],
      },
    ],
  };
}
