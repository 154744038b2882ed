/**
 * Names of programs and services that a desktop is made of (docs/vfio.md 4.6).
 *
 * @module
 */

/** Display managers: their services have these names, or the first one, which stands for another; so have their programs. */
export const DISPLAY_MANAGERS: readonly string[] = [
  ...["display-manager", "gdm", "gdm3", "sddm", "lightdm", "lxdm", "lxdm-binary", "xdm", "mdm", "slim", "nodm", "ly"],
  ...["ly-dm", "greetd", "lemurs", "emptty", "entrance", "entranced", "cosmic-greeter", "plasmalogin"],
];

/** logind, which the host hangs on, as a service and as a program. */
export const LOGIND: readonly string[] = ["systemd-logind", "elogind", "elogind-daemon"];

/** What has the card open for the session at the seat, and closes it with that. */
export const SEAT_DAEMONS: readonly string[] = [...LOGIND, "seatd"];
