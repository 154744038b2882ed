/**
 * What can go wrong where a desktop goes or comes back: consoles, pictures, monitors, units, sessions. Part of
 * tests/simulated/fault-table.ts.
 *
 * @module
 */

import { connectorStatus, kindOf } from "./drivers.ts";
import { fails, type FaultKind, ignored } from "./fault-kind.ts";
import type { Operation } from "./host.ts";

/** The link of a connector in its class. */
const CONNECTOR = /^\/sys\/class\/drm\/card\d+-/;

const begins = (word: string) => ({ subject }: Operation) => subject.startsWith(`${word} `);
const starts = begins("start");
const stops = begins("stop");

/** By name. */
export const DESKTOP_FAULTS: Readonly<Record<string, FaultKind>> = {
  "console-fails": {
    description: "the console does not let go of its frame buffer",
    on: "console",
    react: fails("EIO"),
  },
  "console-ignored": { description: "the console says yes, and stays as it was", on: "console", react: ignored },
  "firmware-fails": { description: "the firmware's picture cannot be unbound", on: "firmware", react: fails("EIO") },
  "firmware-ignored": { description: "the firmware's picture stays as it was", on: "firmware", react: ignored },
  "monitor-asleep": {
    description: "a monitor is not seen when its card is back, before its connector is asked to look again",
    on: "bind",
    where: ({ driver }) => driver !== undefined && kindOf(driver) === "display",
    react: (act, { pci, tree }, { subject }) => {
      act();
      for (const connector of pci.at(subject).nodes?.made.filter((path) => CONNECTOR.test(path)) ?? []) {
        const file = tree.find(`${connector}/status`);
        const connected = file?.kind === "file" && file.data === "connected\n";
        let awake = false;
        tree.put(`${connector}/status`, connectorStatus(() => awake && connected, () => awake = true));
      }
    },
  },
  "unit-start-fails": { description: "a unit cannot be started", on: "systemctl", where: starts, react: fails("EIO") },
  "unit-start-ignored": { description: "systemctl start does nothing", on: "systemctl", where: starts, react: ignored },
  "unit-stop-fails": { description: "a unit cannot be stopped", on: "systemctl", where: stops, react: fails("EIO") },
  "unit-stop-ignored": { description: "systemctl stop does nothing", on: "systemctl", where: stops, react: ignored },
  "unit-stop-hangs": {
    description: "a unit stops and stops, and never has stopped",
    on: "systemctl",
    where: stops,
    react: (_, { systemd }, { subject }) => systemd.units.get(subject.slice("stop ".length))?.stick(),
  },
  "service-start-fails": {
    description: "a service of another init system than systemd cannot be started",
    on: "service",
    where: starts,
    react: fails("EIO"),
  },
  "service-start-ignored": {
    description: "such a service does not come back",
    on: "service",
    where: starts,
    react: ignored,
  },
  "service-stop-fails": {
    description: "such a service cannot be stopped",
    on: "service",
    where: stops,
    react: fails("EIO"),
  },
  "service-stop-ignored": {
    description: "such a service is told to stop, and stays as it is",
    on: "service",
    where: stops,
    react: ignored,
  },
  "service-stop-hangs": {
    description: "such a service stops and stops, and never has stopped",
    on: "service",
    where: stops,
    react: (_, { services }, { subject }) => services.get(subject.slice("stop ".length))?.stick(),
  },
  "session-stays": {
    description: "a session that is told to end stays as it is",
    on: "loginctl",
    where: begins("terminate-session"),
    react: ignored,
  },
};
