import { AidError, failureOf } from "../errors.ts";
import { functionsOn } from "../host/pci.ts";
import type { StepKind, Unbind, UnloadModule } from "../step.ts";
import type { System } from "../system.ts";
import { goHome } from "./go-home.ts";
import { modprobe } from "./load-module.ts";

/** Unlike `modprobe -r` it leaves alone what the module needed: never drm, whatever happens. */
const RMMOD = "/usr/sbin/rmmod";
/** How often it is tried while somebody has a last look at the card. */
const RETRY_MS = 200;

/** Is the module loaded? One that is part of the kernel has no count of its users. */
function isLoaded(system: System, module: string): boolean {
  return system.info(`/sys/module/${module}/refcnt`) !== undefined;
}

/** Cards that this module drives; journals of earlier versions do not name them. */
function bound({ module, functions = [] }: UnloadModule): readonly Unbind[] {
  return functions.filter((one) => one.module === module);
}

/** A card of the same driver that does not go: rmmod asks no card whether it minds, only who has it open. */
function strangerOn(system: System, functions: readonly Unbind[]): string | undefined {
  return functions.flatMap(({ driver }) => functionsOn(system, driver))
    .find((other) => !functions.some(({ address }) => address === other));
}

/** See {@linkcode UnloadModule}. */
export const unloadModule: StepKind<UnloadModule> = {
  describe: (step) => `unload ${step.module}`,
  addresses: (step) => bound(step).map(({ address }) => address),
  shared: (step) => `module ${step.module}`,
  look: (system, step) => ({ already: !isLoaded(system, step.module) }),
  async apply(system, { module, functions = [] }, _before, timeoutMs) {
    const end = system.now() + timeoutMs;
    for (let reason = "there was no time";;) {
      const stranger = strangerOn(system, functions);
      if (stranger) throw new AidError(`${stranger} has come back to the driver meanwhile`, "start it again");
      const left = end - system.now();
      if (left <= 0) throw new AidError(`rmmod ${module}: ${reason}`, "look at `lsmod` and at who uses the card");
      const failure = failureOf(await system.run({ program: RMMOD, args: ["--", module], timeoutMs: left }));
      // its exit status is the verdict: a module that is gone although it failed was torn out (docs/vfio.md M4)
      if (failure === undefined) return;
      reason = failure;
      const now = () => system.read(`/sys/module/${module}/refcnt`)?.trim();
      const users = now();
      await system.until(() => now() !== users, Math.min(RETRY_MS, Math.max(end - system.now(), 0)));
    }
  },
  async undo(system, step, _before, timeoutMs) {
    const { module } = step;
    // NVIDIA's module does not stay loaded without a card (docs/vfio.md M9): it comes back with its first one
    const lost: unknown[] = [];
    for (const one of bound(step)) await goHome(system, one, timeoutMs).catch((error) => lost.push(error));
    await modprobe(system, module, timeoutMs); // whatever became of one card, the others need it
    if (!isLoaded(system, module)) {
      throw new AidError(`modprobe ${module} succeeded, but it is not loaded`, "`virt-aid recover` tries again");
    }
    if (lost.length > 0) throw lost[0];
  },
};
