/**
 * rc-service of OpenRC, in these forms alone: `[OPTION...] [--] NAME start`, `zap start`, and `stop`; it comes back when
 * that is done. And `--ifcrashed -- NAME status`. Dependencies are not simulated, so that `--nodeps` and its like change
 * nothing. One that is killed meanwhile leaves the link of the change behind, and nobody goes on with that.
 *
 * @module
 */

import type { Service } from "../services.ts";
import type { CommandFunction, Done } from "./mod.ts";

/** What it says of a service to which there is nothing to do. */
function already({ state, label }: Service, verb: "start" | "stop"): Done | undefined {
  const up = state === "up" || state === "waiting";
  if (verb === "start" && up) return { code: 0, stderr: ` * WARNING: ${label} has already been started\n` };
  if (verb === "stop" && state === "down") return { code: 0, stderr: ` * WARNING: ${label} is already stopped\n` };
  if (state === "starting") return { code: 1, stderr: ` * WARNING: ${label} is already starting\n` };
  if (state === "stopping") return { code: 1, stderr: ` * WARNING: ${label} is already stopping\n` };
}

/** See the module's text. */
export const rcService: CommandFunction = (host, args) => {
  const end = args.indexOf("--");
  const words = args.filter((arg, index) => index === end ? false : !arg.startsWith("-") || end >= 0 && index > end);
  const [name, ...verbs] = words;
  const crashed = args[0] === "--ifcrashed";
  const order = verbs.join(" ");
  if (name === undefined || !(crashed ? /^status$/ : /^((zap )?start|stop)$/).test(order)) {
    return { code: 1, stderr: `the simulated rc-service does not know this form: ${args.join(" ")}\n` };
  }
  const service = host.services.all.get(name);
  if (!service) return { code: 1, stderr: ` * rc-service: service \`${name}' does not exist\n` };
  const { state, main, spec: { processes } } = service;
  if (crashed) return { code: state === "up" && !main && processes.length > 0 ? 32 : 0 };
  const verb = order === "stop" ? "stop" : "start";
  if (order === "zap start") service.zap();
  const nothing = already(service, verb);
  if (nothing) return nothing;
  const failed: Done = { code: 1, stderr: ` * ERROR: ${name} failed to ${verb}\n` };
  const before = service.state;
  if (host.services.order(verb, service) !== undefined) return failed;
  const what = `${verb === "start" ? "Starting" : "Stopping"} ${name} ...`;
  const ok: Done = { code: 0, stdout: ` * ${what} [ ok ]\n` };
  // a script that does nothing has not failed
  if (service.state === before) return ok;
  const wanted = verb === "start" ? "up" : "down";
  const own = host.processes.all.get(host.caller);
  if (own) own.onKill = () => service.breakOff();
  return { code: 0, later: (done) => service.whenSettled(() => done(service.state === wanted ? ok : failed)) };
};
