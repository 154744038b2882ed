/**
 * The table of the kinds of steps. A new kind is one file beside this one, one member of `Step` in lib/step.ts, one line
 * here, and one test.
 *
 * @module
 */

import type { Step, StepKind } from "../step.ts";
import { bind } from "./bind.ts";
import { loadModule } from "./load-module.ts";
import { setOverride } from "./set-override.ts";
import { setPower } from "./set-power.ts";
import { unbind } from "./unbind.ts";
import { verify } from "./verify.ts";

/** One row for each kind; the type sees to it that none is missing. */
const KINDS: { readonly [K in Step["kind"]]: StepKind<Extract<Step, { readonly kind: K }>> } = {
  "load-module": loadModule,
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
