/**
 * GNOME on Wayland with GDM, as Debian 12 has it: since GNOME 3.34 the user's manager runs the shell, and a few
 * processes are left in the scope of the session. The greeter's shell is in the greeter's scope.
 *
 * @module
 */

import type { ProcessSpec } from "../machine.ts";
import {
  type Desktop,
  type DesktopNodes,
  graphicalSession,
  greeter,
  manager,
  pipewire,
  session,
  unitOf,
} from "./parts.ts";

const SHELL = "org.gnome.Shell@wayland.service";
const MANAGER = "gnome-session-manager@gnome.service";
const FIREFOX = "app-gnome-firefox-2345.scope";

/** The scope of a session that GDM has opened. */
function scope(service: string, ...command: string[]): ProcessSpec[] {
  return [
    { comm: "gdm-session-wor", args: ["/usr/libexec/gdm-session-worker", `[pam/${service}]`], uid: 0 },
    { comm: "gdm-wayland-ses", args: ["/usr/libexec/gdm-wayland-session", ...command], startedBy: "gdm-session-wor" },
    { comm: "gnome-session-b", args: ["/usr/libexec/gnome-session-binary"], startedBy: "gdm-wayland-ses" },
  ];
}

/** See the module's text. */
export function gnome(nodes: DesktopNodes): Desktop {
  const { cards, render, seat } = nodes;
  const shell = { comm: "gnome-shell", args: ["/usr/bin/gnome-shell"], needs: "display", open: cards } as const;
  return {
    units: [
      manager("gdm", "/usr/sbin/gdm3"),
      ...pipewire(nodes),
      graphicalSession([MANAGER, SHELL]),
      unitOf(MANAGER, "session.slice", [
        {
          comm: "gnome-session-b",
          args: ["/usr/libexec/gnome-session-binary", "--systemd-service", "--session=gnome"],
        },
      ]),
      unitOf(SHELL, "session.slice", [
        { ...shell, endsAfter: 200 },
        { comm: "Xwayland", args: ["/usr/bin/Xwayland", ":0", "-rootless"], startedBy: "gnome-shell", open: render },
      ], { stops: [FIREFOX] }),
      unitOf(FIREFOX, "app.slice", [
        { comm: "firefox", args: ["/usr/lib/firefox/firefox"], open: render, endsAfter: 400 },
      ]),
    ],
    sessions: [
      session({
        service: "gdm-password",
        processes: scope("gdm-password", "/usr/bin/gnome-session"),
        unit: "gdm.service",
        survives: true,
        devices: seat,
      }),
      {
        ...greeter,
        ...{ uid: 120, user: "gdm", type: "wayland", service: "gdm-launch-environment" },
        processes: [
          ...scope("gdm-launch-environment", "dbus-run-session", "--", "gnome-session", "--autostart"),
          { ...shell, startedBy: "gnome-session-b" },
        ],
        unit: "gdm.service",
        devices: seat,
      },
    ],
  };
}
