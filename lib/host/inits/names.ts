/**
 * Names of services without systemd.
 *
 * @module
 */

import { AidError } from "../../errors.ts";

/** A service's name there: tables and the user's config may have it as systemd's unit. */
export function bareName(service: string): string {
  return service.replace(/\.service$/, "");
}

/**
 * Can it be a service's name? Only rc-service takes names after `--`: to the others one could look like an option, or like
 * the path of something else than a service.
 */
export function isServiceName(name: string): boolean {
  return /^[\w@][\w@.:+-]*$/.test(name);
}

/**
 * The name to give orders by.
 *
 * @throws {AidError} If no service can have it.
 */
export function orderedName(service: string): string {
  const name = bareName(service);
  if (isServiceName(name)) return name;
  throw new AidError(`"${service}" is no name of a service`, "correct the name in the config");
}
