/**
 * An X server that was started by hand, or by a shell's profile after a getty has logged in by itself: a session of the
 * type tty, with the window manager in it. And the same where there is no session at all: only parents tell then.
 *
 * @module
 */

import type { UnitSpec } from "../desktop.ts";
import type { ProcessSpec } from "../machine.ts";
import { ANN, atSeat, type Desktop, type DesktopNodes, graphicalSession, pipewire } from "./parts.ts";

const GETTY = "getty@tty1.service";

/** The unit of the login prompt on the first console. */
export const getty: UnitSpec = { name: GETTY, slice: "system.slice/system-getty.slice", restart: "always" };

/** From the login to the X server and its clients. i3 gives each program that it starts a session of the kernel's own. */
export function chain({ cards, render }: DesktopNodes): ProcessSpec[] {
  const xorg = ["/usr/lib/xorg/Xorg", "-nolisten", "tcp", ":0", "vt1", "-keeptty", "-auth", "/tmp/serverauth.a"];
  const xinit = ["xinit", "/home/ann/.xinitrc", "--", "/etc/X11/xinit/xserverrc"];
  return [
    { comm: "login", args: ["/bin/login", "-f", "ann"], uid: 0, tty: null, role: "login" },
    { comm: "bash", args: ["-bash"], startedBy: "login", tty: "tty1", role: "shell" },
    { comm: "startx", args: ["/bin/sh", "/usr/bin/startx"], startedBy: "bash", role: "script" },
    { comm: "xinit", args: xinit, startedBy: "startx", role: "xinit" },
    { comm: "Xorg", args: xorg, startedBy: "xinit", needs: "display", open: cards, endsAfter: 100 },
    { comm: "i3", args: ["i3"], startedBy: "xinit", display: "Xorg" },
    { comm: "kitty", args: ["kitty"], startedBy: "i3", open: render, display: "Xorg", tty: null },
  ].map((spec) => ({ uid: ANN.uid, ...spec } as ProcessSpec));
}

/** See the module's text. The X server has logind open the card, whatever the type of the session. */
export function startx(nodes: DesktopNodes): Desktop {
  return {
    units: [
      { ...getty, sessions: ["1"] },
      ...pipewire(nodes),
      { ...graphicalSession([]), state: "inactive" },
    ],
    sessions: [{
      ...atSeat,
      ...{ id: "1", type: "tty", tty: "tty1", service: "login" },
      processes: chain(nodes),
      unit: GETTY,
      devices: nodes.seat,
    }],
  };
}

/** See the module's text. All of it is in the control group of the getty, which logs in again when the login has ended. */
export function startxNoLogind(nodes: DesktopNodes): Desktop {
  return { units: [{ ...getty, processes: chain(nodes) }] };
}
