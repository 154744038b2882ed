import { AidError } from "../errors.ts";
import { PLATFORM, platformDriver } from "../host/display.ts";
import type { StepKind, UnbindFirmware } from "../step.ts";

/** See {@linkcode UnbindFirmware}. */
export const unbindFirmware: StepKind<UnbindFirmware> = {
  describe: (step) => `unbind ${step.device} of the firmware`,
  shared: (step) => `platform ${step.device}`,
  look(system, step) {
    const driver = platformDriver(system, step.device);
    return { already: driver === undefined, driver: driver ?? null };
  },
  apply(system, step) {
    // through the device's own link: who drives it differs from kernel to kernel
    if (platformDriver(system, step.device) !== undefined) {
      system.write(`${PLATFORM}/${step.device}/driver/unbind`, step.device);
    }
    if (platformDriver(system, step.device) !== undefined) {
      throw new AidError(`${step.device} stays on ${platformDriver(system, step.device)}`, "look at dmesg");
    }
  },
  undo(system, step, before) {
    // A driver of the card's own that has come back takes the device away for good: then nothing is missing.
    if (system.info(`${PLATFORM}/${step.device}`) === undefined) return;
    if (platformDriver(system, step.device) !== undefined) return;
    try {
      system.write(`/sys/bus/platform/drivers/${before.driver}/bind`, step.device);
    } catch (error) {
      // the card's memory lies elsewhere, or shows nothing any more: no attempt will change that (docs/vfio.md F8)
      return `${step.device} cannot be shown again: ${(error as Error).message}; text consoles may stay dark`;
    }
    if (platformDriver(system, step.device) === undefined) return `${step.device} is not shown again`;
  },
};
