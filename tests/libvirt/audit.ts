/**
 * Which entries of the sets in deno.json a machine's programs made use of. Deno's audit log knows reads, writes and system
 * facts, but only in `deno run`: an audited machine has scripts in the programs' places that start their sources so, with
 * the same sets. What is run is not in that log: there the programs of the system note who called them.
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };
import { type Program, PROGRAMS } from "../../tools/programs.ts";
import { HOOKS, OWN, type TestMachine } from "./machine.ts";

/** Where the logs are. */
const LOGS = "/run/audit";
/** Where Deno is under the names of the programs: all in one folder, as ours are. */
const NAMES = "/usr/local/lib/audited";
/** Where programs of the system are that note who called them. */
const NOTED = "/usr/local/lib/noted";

/** A set as deno.json has it. */
type PermissionSet = Readonly<Record<string, readonly string[] | boolean>>;
const SETS: Readonly<Record<string, PermissionSet>> = config.permissions;

/** Programs of the system that a set names. */
const SYSTEM = new Set(
  Object.values(SETS).flatMap(({ run }) => Array.isArray(run) ? run as string[] : []).filter((path) =>
    !path.startsWith(OWN)
  ),
);

/** Lines of a script that note its caller by the name of its program. */
const note = (path: string) =>
  `caller=$(/usr/bin/readlink /proc/$PPID/exe)
echo "$caller ${path}" >>${LOGS}/run`;

/** The same for a program of ours: one that was left alone by now is what only the dispatcher does. */
const noteOwn = (path: string) =>
  `${note(path)}
if [ $PPID = 1 ] || [ -z "$caller" -a $PPID != 0 ]; then echo "${NAMES}/qemu ${path}" >>${LOGS}/run; fi`;

/** Puts the audit into a machine. */
export async function audit(machine: TestMachine): Promise<void> {
  const { ns } = machine;
  const folder = (path: string) => new URL(`../../${path}`, import.meta.url).pathname;
  await ns.bash(`mkdir -p -m 755 ${LOGS} ${NAMES} ${NOTED}`);
  const put = async (place: string, { source, permissions }: Program) => {
    const link = `${NAMES}/${place.slice(place.lastIndexOf("/") + 1)}`;
    const script = folder(`build/js/${source.replace(/\.ts$/, ".js")}`);
    await ns.bash(`umount '${place}'; touch ${link}; mount --bind /opt/deno ${link}`);
    const options = `--quiet --no-prompt --config '${folder("deno.json")}' -P=${permissions}`;
    ns.write(
      place,
      `#!/bin/bash\n${noteOwn(place)}
export DENO_AUDIT_PERMISSIONS=${LOGS}/${permissions}.$$ DENO_NO_UPDATE_CHECK=1 HOME=/root
exec ${link} run ${options} '${script}' "$@"\n`,
      0o755,
    );
  };
  for (const program of PROGRAMS) {
    await put(program.name === "qemu" ? `${HOOKS}/qemu` : `${OWN}/${program.name}`, program);
  }
  await put(`${HOOKS}/daemon`, PROGRAMS[0]!);
  for (const path of SYSTEM) {
    if (!ns.has(path)) continue;
    const noted = `${NOTED}/${path.slice(path.lastIndexOf("/") + 1)}`;
    await ns.bash(`mv ${path} ${noted}`);
    ns.write(path, `#!/bin/bash\n${note(path)}\nexec ${noted} "$@"\n`, 0o755);
  }
}

/** Has a program of the system hang from now on, or work again. */
export async function hang(machine: TestMachine, program: string, hangs: boolean): Promise<void> {
  const place = `${NOTED}/${program}`;
  if (hangs) {
    await machine.ns.bash(`mv ${place} ${place}.real`);
    machine.ns.write(place, "#!/bin/bash\nexec sleep 1000\n", 0o755);
  } else {
    await machine.ns.bash(`mv ${place}.real ${place}`);
  }
}

/** What a set's programs asked for, as lines of `read /path`. */
function asked(machine: TestMachine, set: string): Set<string> {
  const { ns } = machine;
  const found = new Set<string>();
  for (const name of ns.list(LOGS).filter((name) => name.startsWith(`${set}.`))) {
    for (const line of ns.read(`${LOGS}/${name}`).split("\n").filter((line) => line !== "")) {
      const { permission, value } = JSON.parse(line);
      found.add(`${permission} ${value}`);
    }
  }
  for (const line of ns.read(`${LOGS}/run`).split("\n")) {
    const [caller, path] = line.split(" ");
    const name = caller?.startsWith(`${NAMES}/`) ? caller.slice(NAMES.length + 1).replace("daemon", "qemu") : undefined;
    if (PROGRAMS.some((program) => program.name === name && program.permissions === set)) found.add(`run ${path}`);
  }
  return found;
}

/** Entries of all sets that none of the machines had a use for, as lines of `prepare: read /path`. */
export function unused(machines: readonly TestMachine[]): string[] {
  return Object.entries(SETS).flatMap(([set, entries]) => {
    const all = machines.flatMap((machine) => [...asked(machine, set)]);
    return Object.entries(entries).flatMap(([kind, values]) =>
      (Array.isArray(values) ? values : []).filter((value) => {
        const entry = `${kind} ${value}`;
        return !all.some((one) => one === entry || one.startsWith(`${entry}/`));
      }).map((value) => `${set}: ${kind} ${value}`)
    );
  });
}
