/**
 * The desktops that the lab's machine can have, as data.
 *
 * @module
 */

import type { Host } from "./host.ts";
import { untilSeen } from "./screen.ts";

/** A desktop on the primary card. */
export interface Desktop {
  /** Lines of bash that set it up and start it. */
  readonly setUp: string;
  /** Name of the program that shows it. */
  readonly program: string;
  /** Name of the program that has opened the card: Linux 6.1 calls that one the card's master, whoever draws. */
  readonly opener: string;
  /** Names of all programs that have the card open then, in byte order. */
  readonly holders: readonly string[];
}

/** Logs ann in on the first text console, and starts something there. */
const autologin = (start: string) => `
cat >~ann/.bash_profile <<'PROFILE'
[ "$(tty)" != /dev/tty1 ] || exec ${start}
PROFILE
install -D -m 0644 /dev/stdin /run/systemd/system/getty@tty1.service.d/autologin.conf <<'CONF'
[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin ann --noclear tty1 linux
CONF
systemctl daemon-reload
systemctl restart getty@tty1`;

/** All of them. */
export const DESKTOPS = {
  /** A user without a display manager. */
  startx: {
    setUp: autologin("startx -- -keeptty >~/startx.log 2>&1"),
    program: "Xorg",
    opener: "systemd-logind",
    holders: ["Xorg", "systemd", "systemd-logind"], // logind leaves a copy with systemd (docs/vfio.md 4.7)
  },
  /** A display manager, at its login screen: the X server is root's and has no session, so it opens the card itself. */
  xdm: { setUp: "systemctl start display-manager", program: "Xorg", opener: "Xorg", holders: ["Xorg"] },
  /** A Wayland compositor that somebody has started on a text console. */
  weston: {
    setUp: autologin("weston --backend=drm-backend.so --use-pixman --log=/tmp/weston.log"),
    program: "weston",
    opener: "systemd-logind",
    holders: ["systemd", "systemd-logind", "weston"],
  },
} as const satisfies Record<string, Desktop>;

/** Waits until a desktop shows itself on the primary card. */
export async function untilShown(host: Host, { program, opener }: Desktop, name: string): Promise<void> {
  await host.until(`${program} at work`, `pgrep -x ${program}`);
  // COMMAND PID DEV MASTER ...: whoever has `y` there decides what the card shows
  await host.until(
    `${opener} as the card's master`,
    `[ "$(awk '$4 == "y" { print $1 }' /sys/kernel/debug/dri/0*/clients)" = ${opener} ]`,
  );
  await untilSeen(host, "graphics", name);
}
