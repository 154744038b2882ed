/**
 * loginctl, in these forms alone, as systemd 252 does it, and elogind:
 *
 * - `list-sessions --no-legend`
 * - `show-session --property=A --property=B -- ID...`: unlike systemctl it takes no list
 * - `terminate-session -- ID...`, `kill-session --signal=KILL -- ID...`
 *
 * @module
 */

import { errorText } from "../errno.ts";
import type { SimulatedHost } from "../host.ts";
import type { Session } from "../logind.ts";
import type { CommandFunction, Done } from "./mod.ts";

const yes = (is: boolean | undefined) => is ? "yes" : "no";

/** In the order in which logind prints them. */
const PROPERTIES: Readonly<Record<string, (session: Session, host: SimulatedHost) => string>> = {
  Id: ({ id }) => id,
  User: ({ spec }) => String(spec.uid),
  Name: ({ spec }) => spec.user,
  Seat: ({ spec }) => spec.seat ?? "",
  TTY: ({ spec }) => spec.tty ?? "",
  Remote: ({ spec }) => yes(spec.remote),
  Service: ({ spec }) => spec.service,
  Scope: ({ id }, { machine }) => machine.logind === "elogind" ? "" : `session-${id}.scope`,
  Leader: ({ leader }) => String(leader.pid),
  Type: ({ spec }) => spec.type,
  Class: ({ spec }) => spec.class,
  Active: (session, { logind }) => yes(logind.stateOf(session) === "active"),
  State: (session, { logind }) => logind.stateOf(session),
};

/** `list-sessions`: a table whose empty cells are blank, so that only the first three columns can be counted on. */
function list({ logind }: SimulatedHost): Done {
  const rows = [...logind.sessions.values()].map((
    { id, spec: { uid, user, seat = "", tty = "" } },
  ) => [id, String(uid), user, seat, tty]).sort(([a = ""], [b = ""]) => a < b ? -1 : 1);
  const width = (column: number) => Math.max(...rows.map((row) => row[column]!.length));
  const cell = (text: string, column: number) => column < 2 ? text.padStart(width(column)) : text.padEnd(width(column));
  return { code: 0, stdout: rows.map((row) => `${row.map(cell).join(" ")}\n`).join("") };
}

/** `show-session`: a block for each. */
function show(host: SimulatedHost, ids: readonly string[], [, asked = ""]: readonly string[]): Done {
  const wanted = Object.keys(PROPERTIES).filter((property) => asked.includes(`--property=${property} `));
  const blocks: string[] = [];
  for (const id of ids) {
    const session = host.logind.sessions.get(id);
    if (!session) {
      return { code: 1, stdout: blocks.join("\n"), stderr: `Failed to get session path: No session '${id}' known\n` };
    }
    blocks.push(wanted.map((property) => `${property}=${PROPERTIES[property]!(session, host)}\n`).join(""));
  }
  return { code: 0, stdout: blocks.join("\n") };
}

/** `terminate-session`, `kill-session`: stops at the first that goes wrong. */
function each(verb: string, act: (host: SimulatedHost, session: Session) => void): Form["act"] {
  return (host, ids) => {
    const fails = (why: string) => ({ code: 1, stderr: `Could not ${verb} session: ${why}\n` });
    for (const id of ids) {
      const session = host.logind.sessions.get(id);
      if (!session) return fails(`No session '${id}' known`);
      try {
        host.operate("loginctl", `${verb}-session ${id}`, undefined, () => act(host, session));
      } catch (error) {
        return fails(errorText(error));
      }
    }
    return { code: 0 };
  };
}

/** A form of the command: what stands behind the verb, up to the ids, and what it does. */
interface Form {
  readonly options: RegExp;
  readonly act: (host: SimulatedHost, ids: readonly string[], options: readonly string[]) => Done;
}

/** By the verb. */
const FORMS: Readonly<Record<string, Form>> = {
  "list-sessions": { options: /^--no-legend$/, act: list },
  "show-session": { options: /^((?:--property=[A-Za-z]+ )+)--$/, act: show },
  "terminate-session": { options: /^--$/, act: each("terminate", ({ logind }, session) => logind.terminate(session)) },
  "kill-session": {
    options: /^--signal=KILL --$/,
    act: each("kill", ({ logind }, session) => logind.signal(session, "KILL")),
  },
};

/** See the module's text. */
export const loginctl: CommandFunction = (host, args) => {
  const [verb = "", ...rest] = args;
  const form = Object.hasOwn(FORMS, verb) ? FORMS[verb] : undefined;
  const end = rest.includes("--") ? rest.indexOf("--") + 1 : rest.length;
  const options = form?.options.exec(rest.slice(0, end).join(" "));
  if (!form || !options) {
    return { code: 1, stderr: `the simulated loginctl does not know this form: ${args.join(" ")}\n` };
  }
  return form.act(host, rest.slice(end), options);
};
