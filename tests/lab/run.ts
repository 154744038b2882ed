/**
 * Runs scenarios, each on a machine of its own, some side by side.
 *
 * @module
 */

import { newDisks, type Ready } from "./cache.ts";
import { after, before, keepRecords } from "./check.ts";
import { Emulator } from "./emulator.ts";
import { Host } from "./host.ts";
import type { Scenario } from "./scenario.ts";

const FOLDER = new URL("scenarios/", import.meta.url);
/** Where each scenario's records go. */
const OUTPUT = "build/lab";
/** How many machines run at a time: each has two CPUs and waits a good part of its time. */
const SIDE_BY_SIDE = Math.max(2, Math.floor(navigator.hardwareConcurrency));

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
  const host = new Host(await Emulator.up(disks, folder, `${ready.ready}/state`), disks);
  await host.must("mount /etc/libvirt/hooks && systemctl reload libvirtd");
  return host;
}

/** Runs one; gives what is wrong. */
async function runScenario(name: string, scenario: Scenario, host: Host): Promise<string[]> {
  const output = `${OUTPUT}/${name}`;
  await Deno.mkdir(output, { recursive: true });
  const wrong: string[] = [];
  try {
    const begin = await before(host);
    await scenario.run(host);
    const found = await after(host, begin);
    const expected = scenario.leaves ?? [];
    wrong.push(...found.filter((line) => !expected.some((pattern) => pattern.test(line))));
    wrong.push(
      ...expected.filter((pattern) => !found.some((line) => pattern.test(line))).map((p) => `never seen: ${p}`),
    );
  } catch (error) {
    wrong.push((error as Error).message);
  }
  try {
    await keepRecords(host, output);
    await Deno.copyFile(`${host.emulator.folder}/console.log`, `${output}/console.txt`);
  } catch (error) {
    wrong.push(`records: ${(error as Error).message}`);
  }
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
  const queue = names.values();
  const failed: string[] = [];
  await Deno.remove(OUTPUT, { recursive: true }).catch(() => {});
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, async () => {
    for (const name of queue) {
      const start = performance.now();
      const { scenario } = await import(`${FOLDER}${name}.ts`) as { scenario: Scenario };
      console.log(`...   ${name}: ${scenario.what}`);
      await using host = await newHost(ready, programs, `${folder}/${name}`);
      const wrong = await runScenario(name, scenario, host);
      console.log(`${wrong.length === 0 ? "ok   " : "WRONG"} ${name.padEnd(40)} ${seconds(start)}`);
      for (const line of wrong) console.log(`      ${line.replaceAll("\n", "\n      ")}`);
      if (wrong.length > 0) failed.push(name);
    }
  }));
  console.log(`records are in ${OUTPUT}`);
  const passed = names.length - failed.length;
  console.log(
    `\n${failed.length ? "FAILED" : "ok"} | ${passed} passed | ${failed.length} failed (${seconds(began).trim()})`,
  );
  return failed.length === 0 ? 0 : 1;
}
