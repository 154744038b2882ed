/**
 * `deno task lab [NAME...]`: whole lives of guests on an emulated passthrough host, with the compiled programs.
 *
 * @module
 */

import { AidError } from "../../lib/errors.ts";
import { PROGRAMS } from "../../tools/programs.ts";
import { prepareCache, PROGRAMS_DISK, type Progress, run } from "./cache.ts";
import { newHost, runScenarios, scenarioNames } from "./run.ts";
import { bench } from "./bench.ts";
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

/** What is no scenario: a root shell in the machine, the comparison with a shell script. */
const COMMANDS: readonly string[] = ["shell", "bench"];

/** Tells how long something takes: its name when it begins, its time when it is over. */
const progress: Progress = async (what, work) => {
  const began = performance.now();
  console.log(`...   ${what}`);
  const result = await work();
  console.log(`done  ${what.padEnd(40)} ${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s`);
  return result;
};

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
  if (missing.length > 0) {
    const packages = missing.map((name) => NEEDED[name]).join(" ");
    const hint = `sudo apt-get install --no-install-recommends ${packages}`;
    throw new AidError(`the lab needs ${missing.join(", ")}`, hint);
  }
  if (Deno.uid() !== 0) {
    throw new AidError("the lab needs root: it installs a Debian into a folder", "sudo -E deno task lab");
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
  await run("mke2fs", "-q", "-t", "ext4", "-d", tree, `${folder}/programs.img`, PROGRAMS_DISK);
  await Deno.remove(tree, { recursive: true });
  return `${folder}/programs.img`;
}

/** Does what the arguments say; gives the exit status. */
async function main(names: string[]): Promise<number> {
  const all = await scenarioNames();
  if (names[0] === "list") return console.log(all.join("\n")), 0;
  const unknown = names.filter((name) => !COMMANDS.includes(name) && !all.includes(name));
  if (unknown.length > 0) throw new AidError(`there is no scenario ${unknown.join(", ")}`, "deno task lab list");
  checkNeeds();
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "/root"}/.cache`;
  const ready = await prepareCache(`${home}/virt-aid-lab`, progress);
  const folder = await Deno.makeTempDir({ prefix: "lab-" });
  try {
    const programs = await progress("disk with the programs", () => programsDisk(folder));
    if (names[0] === "bench") {
      await using host = await newHost(ready, programs, `${folder}/bench`);
      return await bench(host);
    }
    if (names[0] === "shell") return await shell(ready, programs, folder);
    return await runScenarios(names.length > 0 ? names : all, ready, programs, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

try {
  Deno.exitCode = await main(Deno.args);
} catch (error) {
  if (!(error instanceof AidError)) throw error;
  console.error(`lab: ${error.message}\nhint: ${error.hint}`);
  Deno.exitCode = 1;
}
