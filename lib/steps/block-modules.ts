import type { BlockModules, StepKind } from "../step.ts";
import type { System } from "../system.ts";

/** The file with the rules. Rules of /run go with the next boot, whatever happens to us. */
const fileOf = (driver: string) => `/run/modprobe.d/virt-aid-${driver}.conf`;

/** Lets the modules of a driver be loaded again: one of its cards goes home. */
export function unblock(system: System, driver: string): void {
  system.remove(fileOf(driver));
}

/** See {@linkcode BlockModules}. */
export const blockModules: StepKind<BlockModules> = {
  describe: (step) => `keep ${step.modules.join(", ")} from being loaded`,
  shared: (step) => `loading of ${step.driver}`,
  look: (system, step) => ({ already: system.info(fileOf(step.driver)) !== undefined }),
  apply(system, step) {
    system.makeFolder("/run/modprobe.d");
    const rules = step.modules.map((module) => `install ${module} /bin/false\n`).join("");
    system.save(fileOf(step.driver), `# virt-aid: a guest has the card of these modules\n${rules}`);
  },
  undo: (system, step) => unblock(system, step.driver),
};
