/**
 * The table of init systems. A new one is one file beside this one, one line here, and one test.
 *
 * @module
 */

import type { System } from "../../system.ts";
import { dinit } from "./dinit.ts";
import type { Init, InitName } from "./init.ts";
import { openrc } from "./openrc.ts";
import { runit } from "./runit.ts";
import { s6 } from "./s6.ts";
import { systemd } from "./systemd.ts";

/** All of them; the first that is there runs the host. */
const INITS: readonly Init[] = [systemd, openrc, runit, s6, dinit];

/** One of them. */
export function initNamed(name: InitName): Init {
  return INITS.find((init) => init.name === name)!;
}

/** The one that runs the host; undefined where it is none that we know. */
export function initOf(system: System): Init | undefined {
  return INITS.find((init) => init.here(system));
}
