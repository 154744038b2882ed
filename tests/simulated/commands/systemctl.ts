/**
 * systemctl, in these forms alone, as systemd 252 does it:
 *
 * - `show --property=A,B -- UNIT...`
 * - `start --no-block -- UNIT...`, `stop --no-block -- UNIT...`, `reset-failed -- UNIT...`
 * - `mask --runtime -- UNIT...`, `unmask --runtime -- UNIT...`
 * - `is-system-running`
 *
 * Each with `--user --machine=NAME@.host` in front of it too, for a user's manager.
 *
 * @module
 */

import { errorText } from "../errno.ts";
import type { SimulatedHost } from "../host.ts";
import { asText, Link } from "../tree.ts";
import { type ActiveState, maskPath, type Unit } from "../unit.ts";
import type { CommandFunction, Done } from "./mod.ts";

/** The manager that is asked: of the system, or of a user. */
interface Manager {
  readonly host: SimulatedHost;
  readonly user?: number;
}

/** Text of a property; undefined where that kind of unit does not have it. */
type Property = (unit: Unit | undefined, name: string, manager: Manager) => string | undefined;

/** `SubState`, where it is not one of these. */
const SUB: Readonly<Record<ActiveState, string>> = {
  active: "running",
  inactive: "dead",
  activating: "start",
  deactivating: "stop-sigterm",
  failed: "failed",
};

/** Where a unit's file lies. */
function fragment({ masked, spec: { name, user } }: Unit): string {
  if (masked) return maskPath(name, user);
  if (name.endsWith(".scope")) return `${maskPath(name, user).replace(/(system|user)\/[^/]*$/, "transient")}/${name}`;
  return `/usr/lib/systemd/${user === undefined ? "system" : "user"}/${name.replace(/@[^.]*/, "@")}`;
}

/** Process id of its main process: of a getty, that of the login. */
function mainPid(unit: Unit, { host }: Manager): number {
  return (unit.main ?? (unit.spec.sessions && !unit.spec.processes ? host.logind.of(unit)[0]?.leader : undefined))
    ?.pid ??
    0;
}

/** In the order in which systemd prints them, whatever the order in which they are asked for. */
const PROPERTIES: Readonly<Record<string, Property>> = {
  MainPID: (unit, name, manager) => {
    if (name.endsWith(".service")) return String(unit ? mainPid(unit, manager) : 0);
  },
  ControlGroup: (unit, name) => {
    if (name.endsWith(".target")) return undefined;
    return unit && ["active", "deactivating"].includes(unit.state) ? unit.cgroup : "";
  },
  Id: (unit, name) => unit?.spec.name ?? name,
  // what each unit has that does not say otherwise
  Requires: (_unit, _name, { user }) => user === undefined ? "sysinit.target system.slice" : "basic.target app.slice",
  Requisite: () => "",
  BindsTo: () => "",
  PartOf: (unit) => {
    const all = unit ? [...unit.host.systemd.units.values()] : [];
    const above = all.filter(({ spec }) => spec.user === unit!.spec.user && spec.stops?.includes(unit!.spec.name));
    return above.map(({ spec }) => spec.name).join(" ");
  },
  TriggeredBy: (unit) => unit?.spec.triggeredBy?.join(" ") ?? "",
  LoadState: (unit) => unit ? unit.masked ? "masked" : "loaded" : "not-found",
  ActiveState: (unit) => unit?.state ?? "inactive",
  SubState: (unit, name) => {
    const state = unit?.state ?? "inactive";
    if (unit?.restarting) return "auto-restart";
    return state === "active" && name.endsWith(".target") ? "active" : SUB[state];
  },
  FragmentPath: (unit) => unit ? fragment(unit) : "",
  UnitFileState: (unit, name) => {
    if (!unit || name.endsWith(".scope")) return "";
    return unit.masked ? "masked-runtime" : name.endsWith(".target") ? "static" : "enabled";
  },
  // where there is none it is empty, and printed all the same, as all that is asked for by name
  Job: (unit) => unit?.job === undefined ? "" : String(unit.job),
};

/** `show`: a block for each unit. */
function show(manager: Manager, names: readonly string[], [, asked = ""]: readonly string[]): Done {
  const wanted = Object.keys(PROPERTIES).filter((property) => asked.split(",").includes(property));
  const blocks = names.map((name) => {
    const unit = manager.host.systemd.unit(name, manager.user);
    return wanted.flatMap((property) => {
      const text = PROPERTIES[property]!(unit, unit?.spec.name ?? name, manager);
      return text === undefined ? [] : [`${property}=${text}\n`];
    }).join("");
  });
  return { code: 0, stdout: blocks.join("\n") };
}

/** What went wrong with one unit: the exit status, and what is said. */
type Wrong = readonly [code: number, text: string] | undefined;

/** Does something with each unit; the first that goes wrong gives the exit status. */
function each(names: readonly string[], act: (name: string) => Wrong): Done {
  const wrong = names.map(act).filter((one) => one !== undefined);
  return { code: wrong[0]?.[0] ?? 0, stderr: wrong.map(([, text]) => `${text}\n`).join("") };
}

/** Asks the manager to do something with a unit. */
function ask({ host, user }: Manager, verb: string, name: string, act: () => void): Wrong {
  const label = host.systemd.unit(name, user)?.label ?? name;
  try {
    host.operate("systemctl", `${verb} ${label}`, undefined, act);
  } catch (error) {
    return [1, `Failed to ${verb} ${name}: ${errorText(error)}`];
  }
}

/** `start` and `stop`: a job for each unit. */
function order(verb: "start" | "stop"): Form["act"] {
  return (manager, names) =>
    each(names, (name) => {
      const unit = manager.host.systemd.unit(name, manager.user);
      if (!unit) return [5, `Failed to ${verb} ${name}: Unit ${name} not ${verb === "start" ? "found" : "loaded"}.`];
      if (verb === "start" && unit.masked) return [1, `Failed to start ${name}: Unit ${name} is masked.`];
      return ask(manager, verb, name, () => unit[verb]());
    });
}

/** `reset-failed`. */
function resetFailed(manager: Manager, names: readonly string[]): Done {
  return each(names, (name) => {
    const unit = manager.host.systemd.unit(name, manager.user);
    if (!unit) return [1, `Failed to reset failed state of unit ${name}: Unit ${name} not loaded.`];
    return ask(manager, "reset-failed", name, () => unit.resetFailed());
  });
}

/** `mask` and `unmask`, also of what does not exist. */
function mask(verb: "mask" | "unmask"): Form["act"] {
  return (manager, names) =>
    each(names, (name) =>
      ask(manager, verb, name, () => {
        const path = maskPath(name, manager.user);
        if (verb === "mask") manager.host.tree.put(path, new Link("/dev/null"));
        else manager.host.tree.drop(path);
      }));
}

/** A form of the command: what stands between verb and `--`, and what it does. */
interface Form {
  readonly options: RegExp;
  readonly act: (manager: Manager, names: readonly string[], options: readonly string[]) => Done;
}

/** By the verb. */
const FORMS: Readonly<Record<string, Form>> = {
  "show": { options: /^--property=([A-Za-z,]+)$/, act: show },
  "start": { options: /^--no-block$/, act: order("start") },
  "stop": { options: /^--no-block$/, act: order("stop") },
  "reset-failed": { options: /^$/, act: resetFailed },
  "mask": { options: /^--runtime$/, act: mask("mask") },
  "unmask": { options: /^--runtime$/, act: mask("unmask") },
};

/** Id of a user by name. */
function userOf({ tree }: SimulatedHost, name: string): number | undefined {
  const file = tree.find("/etc/passwd");
  const lines = file?.kind === "file" ? asText(file.data).split("\n").map((line) => line.split(":")) : [];
  const uid = lines.find(([user]) => user === name)?.[2];
  return uid === undefined ? undefined : Number(uid);
}

/** See the module's text. */
export const systemctl: CommandFunction = (host, args) => {
  const [first, second, ...others] = args;
  const name = first === "--user" ? /^--machine=([^@]+)@\.host$/.exec(second ?? "")?.[1] : undefined;
  const user = name === undefined ? undefined : userOf(host, name);
  if (name !== undefined && (user === undefined || !host.systemd.answers(user))) {
    return { code: 1, stderr: "Failed to connect to bus: Host is down\n" };
  }
  const [verb = "", ...rest] = name === undefined ? args : others;
  if (verb === "is-system-running" && rest.length === 0) {
    return { code: host.systemd.state === "running" ? 0 : 1, stdout: `${host.systemd.state}\n` };
  }
  const end = rest.indexOf("--");
  const form = Object.hasOwn(FORMS, verb) ? FORMS[verb] : undefined;
  const options = form?.options.exec(rest.slice(0, Math.max(0, end)).join(" "));
  if (!form || !options || end < 0 || end === rest.length - 1) {
    return { code: 1, stderr: `the simulated systemctl does not know this form: ${args.join(" ")}\n` };
  }
  return form.act({ host, user }, rest.slice(end + 1), options);
};
