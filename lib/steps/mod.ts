/**
 * The table of the kinds of steps. A new kind is one file beside this one, one member of `Step` in lib/step.ts, one line
 * here, and one test.
 *
 * @module
 */

import type { Step, StepKind } from "../step.ts";
import { bind } from "./bind.ts";
import { blockModules } from "./block-modules.ts";
import { endLogin } from "./end-login.ts";
import { endProcess } from "./end-process.ts";
import { endSession } from "./end-session.ts";
import { inhibitSleep } from "./inhibit-sleep.ts";
import { loadModule } from "./load-module.ts";
import { maskUnits } from "./mask-units.ts";
import { rememberDisplay } from "./remember-display.ts";
import { setOverride } from "./set-override.ts";
import { setPower } from "./set-power.ts";
import { unbind } from "./unbind.ts";
import { startService } from "./start-service.ts";
import { stopService } from "./stop-service.ts";
import { unbindConsole } from "./unbind-console.ts";
import { unbindFirmware } from "./unbind-firmware.ts";
import { unloadModule } from "./unload-module.ts";
import { verify } from "./verify.ts";
import { waitUnused } from "./wait-unused.ts";

/** One row for each kind; the type sees to it that none is missing. */
const KINDS: { readonly [K in Step["kind"]]: StepKind<Extract<Step, { readonly kind: K }>> } = {
  "load-module": loadModule,
  "inhibit-sleep": inhibitSleep,
  "unload-module": unloadModule,
  "block-modules": blockModules,
  "mask-units": maskUnits,
  "stop-service": stopService,
  "start-service": startService,
  "end-session": endSession,
  "end-login": endLogin,
  "end-process": endProcess,
  "wait-unused": waitUnused,
  "remember-display": rememberDisplay,
  "unbind-console": unbindConsole,
  "unbind-firmware": unbindFirmware,
  "set-override": setOverride,
  "unbind": unbind,
  "bind": bind,
  "set-power": setPower,
  "verify": verify,
};

/** The functions of a step's kind; undefined for a kind that a newer version wrote into a journal. */
export function kindOf<S extends Step>(step: S): StepKind<S> | undefined {
  return Object.hasOwn(KINDS, step.kind) ? KINDS[step.kind] as unknown as StepKind<S> : undefined;
}

/** One line for people. */
export function describe(step: Step): string {
  return kindOf(step)?.describe(step) ?? `step of unknown kind ${step.kind}`;
}
