import { isMasked, mask } from "../host/inits/systemd.ts";
import type { MaskUnits, StepKind } from "../step.ts";

/** See {@linkcode MaskUnits}. */
export const maskUnits: StepKind<MaskUnits> = {
  describe: (step) => `keep ${step.units.join(", ")} from being started`,
  shared: (step) => `masks of ${step.units.join(" ")}`,
  look(system, step) {
    // one that the administrator has masked stays so
    const ours = step.units.filter((unit) => !isMasked(system, unit));
    return { already: ours.length === 0, ours: ours.join(" ") };
  },
  apply: (system, _step, before) => mask(system, "mask", String(before.ours).split(" ")),
  undo: (system, _step, before) => mask(system, "unmask", String(before.ours).split(" ")),
};
