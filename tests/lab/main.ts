/**
 * `deno task lab [NAME...]`: whole lives of guests on an emulated passthrough host, with the compiled programs.
 *
 * @module
 */

import { AidError } from "../../lib/errors.ts";
import { PROGRAMS } from "../../tools/programs.ts";
import { bench } from "./bench.ts";
import { prepareCache, PROGRAMS_DISK } from "./cache.ts";
import { runOutside } from "./outside.ts";
import { progress } from "./progress.ts";
import { newHost, runScenarios, scenarioNames } from "./run.ts";
import { shell } from "./shell.ts";

/** What the lab uses, programs and files, and the Debian packages that they are in. */
const NEEDED: Readonly<Record<string, string>> = {
  "qemu-system-x86_64": "qemu-system-x86",
  "qemu-img": "qemu-utils",
  "mmdebstrap": "mmdebstrap",
  "mke2fs": "e2fsprogs",
  "setpriv": "util-linux",
  "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
};

/** What is no scenario: the names of all, a root shell in the machine, the comparison with a shell script. */
const COMMANDS: readonly string[] = ["list", "shell", "bench"];

/** Signals that end the lab, and the exit status that a shell gives a program that they end. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Throws what the lab lacks on this machine. */
function checkNeeds(): void {
  const folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
  const isThere = (path: string) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  };
  const missing = Object.keys(NEEDED).filter((name) => {
    const paths = name.startsWith("/") ? [name] : folders.map((folder) => `${folder}/${name}`);
    return !paths.some(isThere);
  });
  const root = Deno.uid() === 0;
  if (root && missing.length === 0) return;
  const packages = [...new Set(missing.map((name) => NEEDED[name]))].join(" ");
  const hints = [
    ...(missing.length > 0 ? [`sudo apt-get install --no-install-recommends ${packages}`] : []),
    ...(root ? [] : ['sudo -E "$(command -v deno)" task lab']),
  ];
  throw new AidError(
    `the lab needs ${[...(root ? [] : ["root, to install a Debian into a folder"]), ...missing].join(", ")}`,
    hints.join("; then "),
  );
}

/** Compiles the programs; gives the exit status. The compiler says what it has made and what has failed. */
async function compile(flags: readonly string[]): Promise<number> {
  const args = ["run", "-q", "-A", "tools/compile.ts", ...flags];
  return (await new Deno.Command(Deno.execPath(), { args }).spawn().status).code;
}

/** On a signal: gives the terminal back, removes the folder, and ends. Machines end with us. */
function endOnSignals(folder: string): void {
  for (const [signal, status] of Object.entries(SIGNALS) as [keyof typeof SIGNALS, number][]) {
    Deno.addSignalListener(signal, () => {
      try {
        if (Deno.stdin.isTerminal()) Deno.stdin.setRaw(false);
        Deno.removeSync(folder, { recursive: true });
      } catch {
        // the terminal is gone, or a machine has just made a file; there is nobody to tell
      }
      Deno.exit(status);
    });
  }
}

/** Makes the disk with the compiled programs in their places. */
async function programsDisk(folder: string): Promise<string> {
  const tree = `${folder}/hooks`;
  await Deno.mkdir(`${tree}/virt-aid`, { recursive: true });
  for (const { name } of PROGRAMS) {
    await Deno.copyFile(`build/bin/${name}`, `${tree}/${name === "qemu" ? name : `virt-aid/${name}`}`);
  }
  await Deno.link(`${tree}/qemu`, `${tree}/daemon`);
  await runOutside("mke2fs", "-q", "-t", "ext4", "-d", tree, `${folder}/programs.img`, PROGRAMS_DISK);
  await Deno.remove(tree, { recursive: true });
  return `${folder}/programs.img`;
}

/** Does what the arguments say; gives the exit status. */
async function main(args: readonly string[]): Promise<number> {
  const flags = args.filter((arg) => arg.startsWith("--import-map=")); // the task's, for the compiler
  const names = [...new Set(args.filter((arg) => !flags.includes(arg)))];
  const all = await scenarioNames();
  const unknown = names.filter((name) => !COMMANDS.includes(name) && !all.includes(name));
  if (unknown.length > 0) throw new AidError(`there is no scenario ${unknown.join(", ")}`, "deno task lab list");
  const command = names.find((name) => COMMANDS.includes(name));
  if (command && names.length > 1) throw new AidError(`${command} goes alone`, `deno task lab ${command}`);
  if (command === "list") return console.log(all.join("\n")), 0;
  checkNeeds();
  const compiled = await compile(flags);
  if (compiled !== 0) return compiled;
  const home = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") || "/root"}/.cache`;
  const ready = await prepareCache(`${home}/virt-aid-lab`);
  const folder = await Deno.makeTempDir({ prefix: "lab-" });
  endOnSignals(folder);
  try {
    const programs = await progress("disk with the programs", () => programsDisk(folder));
    if (command === "bench") {
      await using host = await progress("machine", () => newHost(ready, programs, `${folder}/bench`));
      return await bench(host);
    }
    if (command === "shell") return await shell(ready, programs, folder);
    return await runScenarios(names.length > 0 ? names : all, ready, programs, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

try {
  Deno.exit(await main(Deno.args)); // a read of the terminal that nobody waits for any more would keep the process
} catch (error) {
  if (!(error instanceof AidError)) throw error;
  console.error(`lab: ${error.message}\nhint: ${error.hint}`);
  Deno.exit(1);
}
