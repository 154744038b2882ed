/**
 * Programs of s6 and s6-rc, in these forms alone:
 *
 * - s6-rc 0.5, options in any order: `[-b] -a list`, and `[-b] [-u|-d] [-t MS] change NAME...`, which comes back when it is
 *   done, or its time is up. A service counts as up until s6-rc has seen its end.
 * - `s6-svstat -o up,wantedup -- FOLDER`, `s6-svc -u -- FOLDER`
 *
 * @module
 */

import type { SimulatedHost } from "../host.ts";
import type { Service } from "../services.ts";
import type { CommandFunction, Done } from "./mod.ts";

/** Options and what is behind them; undefined for a form that is not simulated. */
function parse(args: readonly string[]): { options: Map<string, string>; words: readonly string[] } | undefined {
  const options = new Map<string, string>();
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (arg === "--") return { options, words: args.slice(at + 1) };
    if (!arg.startsWith("-")) return { options, words: args.slice(at) };
    for (const letter of arg.slice(1)) {
      if (!"abudt".includes(letter)) return undefined;
      options.set(letter, letter === "t" ? args[++at] ?? "" : "");
    }
  }
}

/** `change`: what counts as it should already is left alone. */
function change(host: SimulatedHost, services: readonly Service[], verb: "start" | "stop", limitMs: number): Done {
  const todo = services.filter(({ counted }) => counted !== (verb === "start"));
  if (todo.length === 0) return { code: 0 };
  return {
    code: 0,
    later: (done) => {
      let stderr = "";
      let late = false;
      const left = new Set(todo);
      const over = (service: Service) => {
        left.delete(service);
        if (left.size === 0 && !late) done({ code: stderr === "" ? 0 : 1, stderr });
      };
      if (limitMs > 0) {
        host.after(limitMs, () => {
          late = true;
          if (left.size > 0) done({ code: 2, stderr: "s6-rc: fatal: timed out\n" });
        });
      }
      for (const service of todo) {
        if (host.services.order(verb, service) !== undefined) {
          stderr += `s6-rc: warning: unable to ${verb} service ${service.label}: command exited 111\n`;
          over(service);
        } else {
          service.whenSettled(() => {
            if (!late) service.counted = verb === "start";
            over(service);
          });
        }
      }
    },
  };
}

/** See the module's text. */
export const s6rc: CommandFunction = (host, args) => {
  const { options, words: [verb, ...names] } = parse(args) ?? { options: new Map<string, string>(), words: [] };
  if (verb === "list" && options.has("a") && names.length === 0) {
    const active = [...host.services.all.values()].filter(({ counted }) => counted);
    return { code: 0, stdout: active.map(({ label }) => `${label}\n`).join("") };
  }
  if (verb !== "change" || names.length === 0 || options.has("a")) {
    return { code: 100, stderr: `the simulated s6-rc does not know this form: ${args.join(" ")}\n` };
  }
  const services: Service[] = [];
  for (const name of names) {
    const service = host.services.get(name);
    if (!service) {
      const stderr = `s6-rc: fatal: ${name} is not a recognized identifier in /run/s6-rc/compiled/resolve.cdb\n`;
      return { code: 3, stderr };
    }
    services.push(service);
  }
  return change(host, services, options.has("d") ? "stop" : "start", Number(options.get("t") ?? 0));
};

/** The service whose folder that is. */
const byFolder = (host: SimulatedHost, folder: string | undefined) =>
  host.services.all.get(folder?.slice(folder.lastIndexOf("/") + 1) ?? "");

/** `s6-svstat -o up,wantedup -- FOLDER`. */
export const s6svstat: CommandFunction = (host, args) => {
  const service = byFolder(host, args[3]);
  if (args.slice(0, 3).join(" ") !== "-o up,wantedup --" || !service) {
    return { code: 100, stderr: `the simulated s6-svstat does not know this form: ${args.join(" ")}\n` };
  }
  const wanted = service.state !== "down" && service.state !== "stopping";
  return { code: 0, stdout: `${service.main !== undefined} ${wanted}\n` };
};

/** `s6-svc -u -- FOLDER`. */
export const s6svc: CommandFunction = (host, args) => {
  const service = byFolder(host, args[2]);
  if (args.slice(0, 2).join(" ") !== "-u --" || !service) {
    return { code: 100, stderr: `the simulated s6-svc does not know this form: ${args.join(" ")}\n` };
  }
  const wrong = host.services.order("start", service);
  return wrong === undefined ? { code: 0 } : { code: 111, stderr: `s6-svc: fatal: unable to control ${args[2]}\n` };
};
