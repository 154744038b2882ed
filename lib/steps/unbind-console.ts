import { AidError } from "../errors.ts";
import { bindFiles, consoleBound } from "../host/console.ts";
import type { StepKind, UnbindConsole } from "../step.ts";

/** How long the console may take to be there again: the kernel makes it anew with the first frame buffer. */
const CONSOLE_MS = 1_000;

/** See {@linkcode UnbindConsole}. */
export const unbindConsole: StepKind<UnbindConsole> = {
  describe: (step) => `take the text console off the ${step.console}`,
  shared: (step) => `console ${step.console}`,
  look: (system, step) => ({ already: !consoleBound(system, step.console) }),
  apply(system, step) {
    for (const file of bindFiles(system, step.console)) system.write(file, "0");
    if (consoleBound(system, step.console)) {
      throw new AidError(`the text console stays on the ${step.console}`, "look at dmesg");
    }
  },
  async undo(system, step, _before, timeoutMs) {
    const back = () => bindFiles(system, step.console).length > 0;
    if (!await system.until(back, Math.min(CONSOLE_MS, timeoutMs))) {
      // the firmware's frame buffer goes for good when vfio-pci takes a VGA card, and some drivers have none of their own
      return "no frame buffer is left for the text console: it stays dark until the next boot, desktops do not";
    }
    for (const file of bindFiles(system, step.console)) {
      if (system.read(file)?.trim() !== "1") system.write(file, "1");
    }
    if (!consoleBound(system, step.console)) {
      throw new AidError(`the text console does not go back to the ${step.console}`, "look at dmesg");
    }
  },
};
