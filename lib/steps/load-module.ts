import { AidError, failureOf } from "../errors.ts";
import type { LoadModule, StepKind } from "../step.ts";
import type { System } from "../system.ts";

const MODPROBE = "/usr/sbin/modprobe";

/** Loads a module with what it depends on, by the rules of the administrator's modprobe.d. */
export async function modprobe(system: System, module: string, timeoutMs: number): Promise<void> {
  const result = await system.run({ program: MODPROBE, args: ["--", module], timeoutMs });
  const failure = failureOf(result);
  if (failure === undefined) return;
  throw new AidError(`modprobe ${module}: ${failure}`, `run \`modprobe ${module}\` and look at dmesg`);
}

/** Drivers are registered under their own names; a driver that is part of the kernel has no folder under /sys/module. */
function loaded(system: System, module: string): boolean {
  return system.info(`/sys/bus/pci/drivers/${module}`) !== undefined;
}

/** See {@linkcode LoadModule}. */
export const loadModule: StepKind<LoadModule> = {
  describe: (step) => `load ${step.module}`,
  shared: (step) => `module ${step.module}`,
  look: (system, step) => ({ already: loaded(system, step.module) }),
  async apply(system, step, _before, timeoutMs) {
    await modprobe(system, step.module, timeoutMs);
    if (!loaded(system, step.module)) {
      throw new AidError(
        `modprobe ${step.module} succeeded, but there is no driver of that name`,
        `look for a line with ${step.module} in /etc/modprobe.d`,
      );
    }
  },
  // It stays: libvirt, another guest or the administrator may use it by now (docs/vfio.md F14).
  undo: () => {},
};
