/**
 * The checks of a start, in the order in which people read them. Looking only; all of them always run, and everything that
 * they find is said at once.
 *
 * @module
 */

import * as devices from "./devices.ts";
import type { Check, Facts, Finding } from "./finding.ts";
import * as guest from "./guest.ts";
import * as uses from "./uses.ts";
import * as warnings from "./warnings.ts";

/** What refuses a start. */
const REFUSALS: readonly Check[] = [
  guest.name,
  devices.iommu,
  devices.present,
  devices.noBridge,
  devices.answers,
  devices.expected,
  devices.unclaimed,
  devices.noActiveVfs,
  devices.viable,
  devices.vfioModel,
  devices.drivers,
  uses.noMountedDisk,
  uses.keepsRoute,
  uses.keepsKeyboard,
  uses.noHolders,
  uses.noForeignModules,
  guest.usb,
  guest.files,
  guest.hugepages,
];

/** What is worth a line in the log. */
const WARNINGS: readonly Check[] = [
  warnings.emulatedVideo,
  warnings.inactiveNetwork,
  warnings.littleMemory,
  warnings.variant,
  warnings.unknownFiles,
  warnings.noRestart,
];

/** All refusals and all warnings. */
export function preflight(facts: Facts): { refusals: Finding[]; warnings: Finding[] } {
  return {
    refusals: REFUSALS.flatMap((check) => check(facts)),
    warnings: WARNINGS.flatMap((check) => check(facts)),
  };
}
