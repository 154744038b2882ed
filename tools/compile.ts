/**
 * `deno task compile`: the programs of programs.ts, bundled to one file each (a quarter of the start-up time) and compiled
 * with the permissions of their set to build/bin. Arguments go to `deno bundle`. Exit status 2 where Deno's runtime cannot
 * be downloaded, 1 for any other failure.
 *
 * @module
 */

import { FLAGS, type Program, PROGRAMS } from "./programs.ts";

const SCRIPTS = "build/js";
const PROGRAM_FOLDER = "build/bin";

/** Runs this same Deno, quietly unless it fails. */
async function deno(...args: string[]): Promise<void> {
  const command = new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "piped" });
  const { success, stderr } = await command.output();
  if (success) return;
  const said = new TextDecoder().decode(stderr).split("\nStack backtrace:")[0];
  console.error(`deno ${args.join(" ")}\n${said}\n`);
  const runtime = said?.includes("Setting up base binary") ?? false;
  if (runtime) console.error("hint: without Deno's download host: DENORT_BIN=$(.ci/denort) deno task compile");
  Deno.exit(runtime ? 2 : 1);
}

/** Compiles a program. */
async function compile({ name, source, permissions }: Program): Promise<void> {
  const script = `${SCRIPTS}/${source.replace(/\.ts$/, ".js")}`;
  await deno("compile", `-P=${permissions}`, ...FLAGS, "-o", `${PROGRAM_FOLDER}/${name}`, script);
  const { size } = await Deno.stat(`${PROGRAM_FOLDER}/${name}`);
  console.log(`${name.padEnd(16)}${(size / 1e6).toFixed(1).padStart(6)} MB  ${permissions}`);
}

const pinned = (await Deno.readTextFile(".dvmrc")).trim();
if (Deno.version.deno !== pinned) {
  console.error(`programs are compiled with Deno ${pinned} (.dvmrc), this is ${Deno.version.deno}`);
  console.error(`hint: npx -y deno@${pinned} task compile`);
  Deno.exit(1);
}

await deno("bundle", ...Deno.args, "--outdir", SCRIPTS, ...PROGRAMS.map((program) => program.source));
await Deno.mkdir(PROGRAM_FOLDER, { recursive: true });

// Without DENORT_BIN the first one downloads the runtime that the others then share, so it goes alone.
const [first, ...others] = PROGRAMS;
if (first) await compile(first);
const queue = others.values();
await Promise.all(Array.from({ length: navigator.hardwareConcurrency }, async () => {
  for (const program of queue) await compile(program);
}));
