/**
 * `modprobe [-r] [-a] [-q] [--] MODULE...`.
 *
 * @module
 */

import { errorText } from "../errno.ts";
import type { SimulatedHost } from "../host.ts";
import type { CommandFunction } from "./mod.ts";

/** Is there an `install MODULE /bin/false` for it in the administrator's or the runtime's rules? */
function blocked(host: SimulatedHost, module: string): boolean {
  return ["/etc/modprobe.d", "/run/modprobe.d"].some((folder) =>
    Object.values(host.tree.texts(folder)).join("\n").split("\n").some((line) => {
      const [word, name, command] = line.trim().split(/\s+/);
      return word === "install" && name?.replaceAll("-", "_") === module && command?.endsWith("/false");
    })
  );
}

/** Loads or unloads one module; gives what it says, empty if all is well. */
function one(host: SimulatedHost, name: string, remove: boolean): string {
  const key = name.replaceAll("-", "_");
  const module = host.modules.all.get(key);
  if (!module) return `modprobe: FATAL: Module ${name} not found in directory /lib/modules/${host.kernel}\n`;
  if (!remove && blocked(host, key)) {
    return `modprobe: ERROR: ../libkmod/libkmod-module.c:1084 command_do() Error running install command '/bin/false' for module ${key}: retcode 1\n`;
  }
  if (remove && module.builtin) return `modprobe: FATAL: Module ${key} is builtin.\n`;
  if (remove && module.loaded && host.modules.used(key) > 0) return `modprobe: FATAL: Module ${key} is in use.\n`;
  if (module.loaded !== remove || module.builtin) return "";
  try {
    host.operate("modprobe", key, undefined, () => remove ? host.modules.unloadAll(key) : host.modules.load(key));
    return "";
  } catch (error) {
    return `modprobe: ERROR: could not ${remove ? "remove" : "insert"} '${key}': ${errorText(error)}\n`;
  }
}

/** See the module's text. Without -r and -a, what follows the first name are parameters of the module. */
export const modprobe: CommandFunction = (host, args) => {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const options = args.slice(0, end).filter((arg) => arg.startsWith("-"));
  const names = args.filter((arg, index) => index > end || !arg.startsWith("-"));
  const remove = options.includes("-r");
  const all = remove || options.includes("-a") ? names : names.slice(0, 1);
  const stderr = all.map((name) => one(host, name, remove)).join("");
  return { code: stderr === "" ? 0 : 1, stderr };
};

/** `rmmod -- MODULE`: this one alone, whatever it needed. */
export const rmmod: CommandFunction = (host, args) => {
  const name = args.at(-1)!;
  if (!host.modules.all.get(name)?.loaded) {
    return { code: 1, stderr: `rmmod: ERROR: Module ${name} is not currently loaded\n` };
  }
  if (host.modules.used(name) > 0) return { code: 1, stderr: `rmmod: ERROR: Module ${name} is in use\n` };
  try {
    host.operate("rmmod", name, undefined, () => host.modules.unload(name));
    return { code: 0 };
  } catch (error) {
    return { code: 1, stderr: `rmmod: ERROR: could not remove module ${name}: ${errorText(error)}\n` };
  }
};
