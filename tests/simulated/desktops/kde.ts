/**
 * KDE Plasma 6 on Wayland with SDDM, as Fedora has it: the user's manager runs the compositor, the shell and
 * powerdevil, which has the buses to the monitors open. The greeter has a compositor in its own scope.
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

const KWIN = "plasma-kwin_wayland.service";
const SHELL = "plasma-plasmashell.service";
const POWER = "plasma-powerdevil.service";

/** What SDDM starts in a session: as root, it waits for what it has started. */
function helper(start: string, user: string): ProcessSpec {
  const args = [
    "/usr/libexec/sddm-helper",
    "--socket",
    "/tmp/sddm-auth",
    "--id",
    "1",
    "--start",
    start,
    "--user",
    user,
  ];
  return { comm: "sddm-helper", args, uid: 0 };
}

/** See the module's text. */
export function kde(nodes: DesktopNodes): Desktop {
  const { cards, render, seat, i2c } = nodes;
  const kwin = { comm: "kwin_wayland", args: ["/usr/bin/kwin_wayland"], needs: "display", open: cards } as const;
  return {
    units: [
      manager("sddm", "/usr/bin/sddm"),
      ...pipewire(nodes),
      graphicalSession([SHELL, POWER, KWIN]),
      unitOf(KWIN, "session.slice", [
        { comm: "kwin_wayland_wr", args: ["/usr/bin/kwin_wayland_wrapper", "--xwayland"], needs: "display" },
        { ...kwin, startedBy: "kwin_wayland_wr", endsAfter: 150 },
        { comm: "Xwayland", args: ["/usr/bin/Xwayland", ":1", "-rootless"], startedBy: "kwin_wayland", open: render },
      ]),
      unitOf(SHELL, "session.slice", [
        { comm: "plasmashell", args: ["/usr/bin/plasmashell", "--no-respawn"], open: render, endsAfter: 300 },
      ]),
      unitOf(POWER, "background.slice", [
        { comm: "org_kde_powerde", args: ["/usr/libexec/org_kde_powerdevil"], open: i2c },
      ]),
    ],
    sessions: [
      session({
        service: "sddm",
        processes: [
          helper("/usr/bin/startplasma-wayland", "ann"),
          { comm: "startplasma-way", args: ["/usr/bin/startplasma-wayland"], startedBy: "sddm-helper" },
        ],
        unit: "sddm.service",
        survives: true,
        devices: seat,
      }),
      {
        ...greeter,
        ...{ uid: 965, user: "sddm", type: "wayland", service: "sddm-greeter" },
        processes: [
          helper("/usr/bin/sddm-greeter-qt6", "sddm"),
          { ...kwin, startedBy: "sddm-helper" },
          { comm: "sddm-greeter-qt", args: ["/usr/bin/sddm-greeter-qt6"], startedBy: "sddm-helper", open: render },
        ],
        unit: "sddm.service",
        devices: seat,
      },
    ],
  };
}
