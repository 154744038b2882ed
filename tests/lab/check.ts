/**
 * What has to hold after every scenario: the host has everything back.
 *
 * @module
 */

import type { Host } from "./host.ts";

/** Prints what a hand-over may change, a line each: `what: value`. */
const STATE = `
cd /sys/bus/pci/devices
for f in *; do
  driver=$(readlink $f/driver || true)
  echo "$f driver: \${driver##*/}"
  for a in driver_override power/control d3cold_allowed; do [ ! -e $f/$a ] || echo "$f $a: $(cat $f/$a)"; done
done
for c in /sys/class/vtconsole/*; do echo "$(cat $c/name) bound: $(cat $c/bind)"; done
findmnt -rno TARGET | grep -v ' (deleted)' | grep -vE '^(/run/virt-aid|/etc/libvirt/hooks|/run/user)' | sed 's/$/ mounted: yes/'
`;

/** Prints what is left of our work, a line each. */
const LEFT = `
find /run/virt-aid -mindepth 1 -path /run/virt-aid/sys -prune -o -path /run/virt-aid/proc -prune -o -print 2>/dev/null |
  grep -vxE '/run/virt-aid/(guests|lock|views.lock|guests/[-0-9a-f]+(\\.takeover)?\\.lock)' | sed 's/^/left: /'
findmnt -rno TARGET | grep /run/virt-aid | sort | uniq -c |
  grep -vxE ' *1 /run/virt-aid/(sys|proc)' | sed 's/^/mounted under \\/run\\/virt-aid: /'
for p in /proc/[0-9]*; do
  case $(readlink $p/exe || true) in /etc/libvirt/hooks/*) echo "still runs: $(tr '\\0' ' ' <$p/cmdline)" ;; esac
done 2>/dev/null
virsh -q list --name | grep . | sed 's/^/guest still runs: /'
timeout 10 virsh -q uri >/dev/null || echo 'libvirt does not answer'
`;

/** Messages of the kernel from warnings up, without the numbers that differ each time. */
const MESSAGES = `dmesg --kernel --level=emerg,alert,crit,err,warn --notime | sed -E 's/[0-9]+/N/g'`;
/** Those that say nothing about us: what an emulated clock is late for. */
const HARMLESS: readonly RegExp[] = [/^(tsc|clocksource|hrtimer|perf): /];

/** What a scenario begins with. */
export interface Before {
  /** What a hand-over may change. */
  readonly state: ReadonlySet<string>;
  /** What the kernel has said before. */
  readonly messages: ReadonlySet<string>;
}

const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");

/** Looks at a host before a scenario. */
export async function before(host: Host): Promise<Before> {
  return { state: new Set(linesOf(await host.must(STATE))), messages: new Set(linesOf(await host.must(MESSAGES))) };
}

/** Looks at the host after it; gives what is not as it has to be, a line each. */
export async function after(host: Host, { state, messages }: Before): Promise<string[]> {
  const now = new Set(linesOf(await host.must(STATE)));
  const said = linesOf(await host.must(MESSAGES));
  return [
    ...[...state].filter((line) => !now.has(line)).map((line) => `was: ${line}`),
    ...[...now].filter((line) => !state.has(line)).map((line) => `is: ${line}`),
    ...linesOf((await host.run(LEFT)).stdout),
    ...said.filter((line) => !messages.has(line) && !HARMLESS.some((known) => known.test(line)))
      .map((line) => `kernel: ${line}`),
  ];
}

/** What is kept of a scenario: names of files, and the lines of bash that print them. */
const RECORDS = {
  "journals": "head -n -0 /run/virt-aid/guests/*.json*",
  "history": "tail -n +1 /var/lib/virt-aid/history/*.json",
  "log": "cat /var/log/virt-aid/virt-aid.log",
  "dmesg": "dmesg",
  "libvirtd": "journalctl -o short-monotonic -u libvirtd",
  "hardware": STATE,
};

/** Writes the records of a host to a folder. */
export async function keepRecords(host: Host, folder: string): Promise<void> {
  for (const [name, lines] of Object.entries(RECORDS)) {
    const { stdout } = await host.run(lines, 30);
    await Deno.writeTextFile(`${folder}/${name}.txt`, stdout);
  }
}
