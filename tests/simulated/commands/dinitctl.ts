/**
 * dinitctl of dinit 0.19, in these forms alone: `list`, `status NAME`, `[--no-wait] start NAME`, `[--no-wait] stop NAME`.
 * It knows no `--`.
 *
 * @module
 */

import type { Service, ServiceState } from "../services.ts";
import type { CommandFunction, Done } from "./mod.ts";

/** What dinit calls the states, and what it wants of a service in them. */
const STATES: Readonly<Record<ServiceState, readonly [name: string, target: "STARTED" | "STOPPED"]>> = {
  up: ["STARTED", "STARTED"],
  down: ["STOPPED", "STOPPED"],
  starting: ["STARTING", "STARTED"],
  stopping: ["STOPPING", "STOPPED"],
  waiting: ["STARTING", "STARTED"],
};

/** Signal that a status means; undefined for an exit. */
const signalOf = (code: number) => code > 128 ? code - 128 : undefined;

/** A line of `list`. */
function line({ state, told, main, code, label }: Service): string {
  const target = STATES[state][1];
  const [left, right] = target === "STOPPED" ? [" ", " "] : told ? ["[", "]"] : ["{", "}"];
  const way = state === "starting" || state === "waiting" ? "<<" : state === "stopping" ? ">>" : "  ";
  const stopped = state === "down" ? code === undefined || code === 0 ? "-" : "X" : " ";
  const [open, close] = target === "STOPPED" ? ["{", "}"] : [" ", " "];
  const signal = signalOf(code ?? 0);
  const ended = state !== "down" || code === undefined
    ? ""
    : signal === undefined
    ? ` (exit status: ${code})`
    : ` (signal: ${signal})`;
  const pid = main ? ` (pid: ${main.pid})` : "";
  return `[${left}${state === "up" ? "+" : " "}${right}${way}${open}${stopped}${close}] ${label}${pid}${ended}\n`;
}

/** `status`. */
function status({ state, told, main, code, label }: Service): string {
  const [name, target] = STATES[state];
  const signal = signalOf(code ?? 0);
  const how = signal === undefined ? `exited - status ${code}` : `signalled - signal ${signal}`;
  const why = state === "down" && code !== undefined ? ` (terminated${code === 0 ? "" : `; ${how}`})` : "";
  return [
    `Service: ${label}`,
    `    File: /etc/dinit.d/${label}`,
    `    State: ${name}${why}`,
    ...target === "STARTED" ? [`    Activation: ${told ? "explicitly started" : "start due to dependent(s)"}`] : [],
    ...main ? [`    Process ID: ${main.pid}`] : [],
    "",
  ].join("\n");
}

/** See the module's text. */
export const dinitctl: CommandFunction = (host, args) => {
  const unknown = args.find((arg) => arg.startsWith("-") && arg !== "--no-wait");
  if (unknown !== undefined) {
    return { code: 1, stderr: `dinitctl: unrecognized/invalid option: ${unknown} (use --help for help)\n` };
  }
  const [verb, name, ...more] = args.filter((arg) => arg !== "--no-wait");
  const services = [...host.services.all.values()];
  if (verb === "list" && name === undefined) return { code: 0, stdout: services.map(line).join("") };
  if (!["status", "start", "stop"].includes(verb!) || name === undefined || more.length > 0) {
    return { code: 1, stderr: `the simulated dinitctl does not know this form: ${args.join(" ")}\n` };
  }
  const service = host.services.get(name);
  if (verb === "status") {
    return service ? { code: 0, stdout: status(service) } : { code: 1, stderr: "dinitctl: service not loaded.\n" };
  }
  if (!service) {
    const stderr = "dinitctl: failed to find service description.\n" +
      "dinitctl: check service description file exists / service name spelling.\n";
    return { code: 1, stderr };
  }
  return order(service, verb as "start" | "stop", !args.includes("--no-wait"));
};

/** `start` and `stop`. */
function order(service: Service, verb: "start" | "stop", wait: boolean): Done {
  const { host: { services }, label, state } = service;
  const wanted = verb === "start" ? "up" : "down";
  const done = verb === "start" ? "started" : "stopped";
  if (verb === "start" && services.closed) {
    return { code: 1, stderr: "dinitctl: cannot start/restart/wake service, shutdown is in progress.\n" };
  }
  if (services.order(verb, service) !== undefined) return { code: 1, stderr: "dinitctl: protocol error.\n" };
  if (state === wanted) return { code: 0, stdout: `Service (already) ${done}.\n` };
  // what was not even begun (a fault) is not waited for
  if (service.state === state && (state === "up" || state === "down")) wait = false;
  if (!wait) return { code: 0, stdout: `Issued ${verb} command successfully for service '${label}'.\n` };
  return {
    code: 0,
    later: (tell) =>
      service.whenSettled(() =>
        tell(
          service.state === wanted
            ? { code: 0, stdout: `Service '${label}' ${done}.\n` }
            : { code: 1, stdout: `Service '${label}' ${verb} cancelled.\n` },
        )
      ),
  };
}
