/**
 * sv of runit 2.1.2, in these forms alone: `status NAME...`, `up NAME...`, `down NAME...`, which come back at once, and
 * `-w SECONDS start NAME...`, `-w SECONDS stop NAME...`. The exit status is the number of services that it could not reach,
 * or that were not as they should be in time: to be down is no fault in itself.
 *
 * @module
 */

import type { SimulatedHost } from "../host.ts";
import type { Service } from "../services.ts";
import type { CommandFunction, Done } from "./mod.ts";

/** What it says of a service. */
function status({ host, state, main, since, label, spec }: Service): string {
  const seconds = Math.floor((host.clock.now - since) / 1000);
  const normallyUp = spec.state !== "down";
  const all = [...host.processes.all.values()];
  const runsv = all.find(({ spec: { args } }) => args?.[0] === "runsv" && args[1] === label);
  const logger = all.find((process) => process.parent === runsv?.pid && process.spec.comm === "svlogd");
  const log = logger ? `; run: log: (pid ${logger.pid}) ${seconds}s` : "";
  if (main) {
    const more = `${normallyUp ? "" : ", normally down"}${state === "stopping" ? ", want down, got TERM" : ""}`;
    return `run: ${label}: (pid ${main.pid}) ${seconds}s${more}${log}\n`;
  }
  const wanted = state === "waiting" || state === "starting";
  return `down: ${label}: ${seconds}s${normallyUp ? ", normally up" : ""}${wanted ? ", want up" : ""}${log}\n`;
}

/** What a verb orders, and if it looks what came of that. */
const VERBS: Readonly<Record<string, readonly [order?: "start" | "stop", waits?: true]>> = {
  status: [],
  up: ["start"],
  down: ["stop"],
  start: ["start", true],
  stop: ["stop", true],
};

/** Is a service as it was ordered? */
const isSo = ({ main }: Service, order: "start" | "stop") => (main !== undefined) === (order === "start");

/** What is said of services that were told something, now or as soon as they are as they should be. */
function look(host: SimulatedHost, services: readonly Service[], order: "start" | "stop", limitMs: number): Done {
  const said = (): Done => {
    const late = services.filter((service) => !isSo(service, order));
    const lines = services.map((service) => `${late.includes(service) ? "timeout" : "ok"}: ${status(service)}`);
    return { code: late.length, stdout: lines.join("") };
  };
  return {
    code: 0,
    later: (done) => {
      const end = () => {
        if (services.every((service) => isSo(service, order))) done(said());
      };
      host.after(limitMs, () => done(said()));
      for (const service of services) service.whenSettled(end);
    },
  };
}

/** See the module's text. All that it says goes to standard output. */
export const sv: CommandFunction = (host, args) => {
  const limit = args[0] === "-w" ? Number(args[1]) : undefined;
  const [verb = "", ...names] = limit === undefined ? args : args.slice(2);
  const [order, waits] = Object.hasOwn(VERBS, verb) ? VERBS[verb]! : [];
  if (!Object.hasOwn(VERBS, verb) || names.length === 0 || (limit !== undefined) !== (waits === true)) {
    return { code: 100, stderr: `the simulated sv does not know this form: ${args.join(" ")}\n` };
  }
  const told: Service[] = [];
  let code = 0;
  let stdout = "";
  for (const name of names) {
    const service = host.services.all.get(name);
    const fault = !service
      ? "unable to change to service directory: file does not exist"
      : order && host.services.order(order, service) !== undefined
      ? "unable to write control: broken pipe"
      : undefined;
    if (fault !== undefined) {
      code++;
      stdout += `fail: ${name}: ${fault}\n`;
    } else {
      if (!order) stdout += status(service!);
      told.push(service!);
    }
  }
  const done = { code, stdout };
  if (!order || limit === undefined || told.length === 0) return done;
  const { later } = look(host, told, order, limit * 1000);
  return { code, later: (tell) => later!((left) => tell({ code: code + left.code, stdout: stdout + left.stdout })) };
};
