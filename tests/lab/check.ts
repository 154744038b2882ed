/**
 * What has to hold after every scenario: the host has everything back.
 *
 * @module
 */

import type { Host } from "./host.ts";

/** Where inside/ is in the machine. */
const INSIDE = "/usr/local/lib/lab";

/** What says nothing about us: what an emulated clock is late for. */
const HARMLESS: readonly RegExp[] = [/^(tsc|clocksource|hrtimer|perf|APIC calibration|rcu|Clock)\b/];

/** What a scenario begins with. */
export interface Before {
  /** What a hand-over may change. */
  readonly state: readonly string[];
  /** What the kernel has said so far. */
  readonly messages: readonly string[];
  /** Which boot that was. */
  readonly boot: string;
}

const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");
const withoutNumbers = (line: string) => line.replace(/\d+/g, "N");

/** Looks at a host before a scenario. */
export async function before(host: Host): Promise<Before> {
  return {
    state: linesOf(await host.must(`${INSIDE}/state.sh`)),
    messages: linesOf(await host.must(`${INSIDE}/kernel.sh || true`)),
    boot: await host.must("cat /proc/sys/kernel/random/boot_id"),
  };
}

/** What the kernel has said since: in the same boot what came after, in another one what the first did not say too. */
function news(before: Before, now: Before): readonly string[] {
  if (now.boot === before.boot) return now.messages.slice(before.messages.length);
  const known = new Set(before.messages.map(withoutNumbers));
  return now.messages.filter((line) => !known.has(withoutNumbers(line)));
}

/** Looks at the host after it; gives what is not as it has to be, a line each. */
export async function after(host: Host, begin: Before): Promise<string[]> {
  const now = await before(host);
  const left = linesOf((await host.run(`${INSIDE}/left.sh`)).stdout);
  return [
    ...begin.state.filter((line) => !now.state.includes(line)).map((line) => `was: ${line}`),
    ...now.state.filter((line) => !begin.state.includes(line)).map((line) => `is: ${line}`),
    ...left.filter((line) => line !== "looked"),
    ...(left.at(-1) === "looked" ? [] : ["nobody could look for what is left"]),
    ...news(begin, now).filter((line) => !HARMLESS.some((known) => known.test(line))).map((line) => `kernel: ${line}`),
  ];
}

/** What is kept of a scenario: names of files, and the lines of bash that print them. */
const RECORDS = {
  "journals": "tail -n +1 /run/virt-aid/guests/*.json*",
  "history": "tail -n +1 /var/lib/virt-aid/history/*.json",
  "log": "cat /var/log/virt-aid/virt-aid.log",
  "dmesg": "dmesg",
  "libvirtd": "journalctl -o short-monotonic -u libvirtd",
  "hardware": `${INSIDE}/state.sh`,
};

/** Writes the records of a host to a folder, as far as they can be had, and pictures of its screen that were taken. */
export async function keepRecords(host: Host, folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for await (const { name } of Deno.readDir(host.emulator.folder)) {
    if (name.endsWith(".png")) await Deno.copyFile(`${host.emulator.folder}/${name}`, `${folder}/${name}`);
  }
  for (const [name, lines] of Object.entries(RECORDS)) {
    const text = await host.run(lines, 30).then(({ stdout }) => stdout, (error: Error) => `${error.message}\n`);
    await Deno.writeTextFile(`${folder}/${name}.txt`, text);
  }
}
