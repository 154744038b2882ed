/**
 * Runs scenarios, each on a machine of its own, some side by side.
 *
 * @module
 */

import { timer } from "../../lib/process.ts";
import { newDisks, type Ready } from "./cache.ts";
import { after, before, keepRecords } from "./check.ts";
import { Emulator } from "./emulator.ts";
import { Host } from "./host.ts";
import { removeFolder } from "./outside.ts";
import type { Scenario } from "./scenario.ts";

const FOLDER = new URL("scenarios/", import.meta.url);
/** Where each scenario's records go. */
const OUTPUT = "build/lab";
/** What a machine takes at most of memory, with QEMU's own share. */
const MACHINE_BYTES = 2.5 * 2 ** 30;
/** Most machines at a time. */
const MAX_MACHINES = 8;
/** Seconds that a scenario may take, its machine's start not counted. */
const LIMIT = 600;
/** Seconds that its records may take. */
const RECORDS_LIMIT = 60;
/** Those that take much longer than the others, most of it waiting: at the end they would be waited for alone. */
const LONG: readonly string[] = ["hangs-in-kernel", "prepare-killed", "hand-over"];

/** Names of all scenarios. */
export async function scenarioNames(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(FOLDER)) names.push(name.replace(/\.ts$/, ""));
  return names.sort();
}

/** A machine that has just booted, with the programs where the installer puts them. */
export async function newHost(ready: Ready, programs: string, folder: string): Promise<Host> {
  await Deno.mkdir(folder, { recursive: true });
  const disks = await newDisks(ready, programs, folder);
  const host = new Host(await Emulator.up(disks, folder, `${ready.booted}/state`), disks);
  try {
    await host.must("mount /etc/libvirt/hooks && systemctl reload libvirtd");
  } catch (error) {
    await host[Symbol.asyncDispose]();
    throw error;
  }
  return host;
}

/** Does some work; an error where it takes longer than so many seconds. */
async function inTime<T>(seconds: number, work: Promise<T>): Promise<T> {
  const deadline = timer(seconds * 1000);
  const late = deadline.up.then(() => {
    throw new Error(`not over in ${seconds} s`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    deadline.clear();
  }
}

/** Lets a scenario happen to a host; gives what is wrong. */
async function play(scenario: Scenario, host: Host): Promise<string[]> {
  const begin = await before(host);
  await scenario.run(host);
  await host.idle(); // a desktop that was started again is watched for some seconds
  const found = await after(host, begin);
  const expected = scenario.leaves ?? [];
  return [
    ...found.filter((line) => !expected.some((pattern) => pattern.test(line))),
    ...expected.filter((pattern) => !found.some((line) => pattern.test(line))).map((p) => `never seen: ${p}`),
  ];
}

/** Runs one; gives what is wrong. Whatever fails here is wrong with this scenario, and none of the others' business. */
async function runScenario(name: string, ready: Ready, programs: string, folder: string): Promise<string[]> {
  const output = `${OUTPUT}/${name}`;
  const wrong: string[] = [];
  const noting = (what: string) => (error: Error) => void wrong.push(`${what}${error.message}`);
  try {
    const { scenario } = await import(`${FOLDER}${name}.ts`) as { scenario: Scenario };
    console.log(`...   ${name}: ${scenario.what}`);
    await removeFolder(output);
    await Deno.mkdir(output, { recursive: true });
    await using host = await newHost(ready, programs, folder);
    await inTime(LIMIT, play(scenario, host)).then((lines) => void wrong.push(...lines), noting(""));
    await inTime(RECORDS_LIMIT, keepRecords(host, output)).catch(noting("records: "));
  } catch (error) {
    noting("")(error as Error);
  }
  // Of a machine that did not come up too, and to its end.
  await Deno.copyFile(`${folder}/console.log`, `${output}/console.txt`).catch(noting("console: "));
  return wrong;
}

/** Runs all of these; prints a line for each, and a last one as `deno test` does. Gives the exit status. */
export async function runScenarios(
  names: readonly string[],
  ready: Ready,
  programs: string,
  folder: string,
): Promise<number> {
  const began = performance.now();
  const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1).padStart(6)} s`;
  const room = Math.floor(Deno.systemMemoryInfo().available / MACHINE_BYTES);
  const machines = Math.max(1, Math.min(navigator.hardwareConcurrency, room, MAX_MACHINES));
  const queue = names.toSorted((a, b) => Number(LONG.includes(b)) - Number(LONG.includes(a))).values();
  const failed = new Map<string, string[]>();
  await Promise.all(Array.from({ length: machines }, async () => {
    for (const name of queue) {
      const start = performance.now();
      const wrong = await runScenario(name, ready, programs, `${folder}/${name}`);
      console.log(`${wrong.length === 0 ? "ok   " : "WRONG"} ${name.padEnd(40)} ${seconds(start)}`);
      if (wrong.length > 0) failed.set(name, wrong);
    }
  }));
  console.log(`records are in ${OUTPUT}`);
  // At the end, where it is read: much may have been printed since.
  for (const [name, wrong] of failed) {
    console.log(`\nWRONG ${name}`);
    for (const line of wrong) console.log(`      ${line.replaceAll("\n", "\n      ")}`);
  }
  const passed = names.length - failed.size;
  console.log(
    `\n${failed.size ? "FAILED" : "ok"} | ${passed} passed | ${failed.size} failed (${seconds(began).trim()})`,
  );
  return failed.size === 0 ? 0 : 1;
}
