/**
 * `deno task bench`: the ratios that the project holds itself to, each measured against its yardstick in the same run, in
 * turn. Absolute times belong to the machine that they were taken on; the ratios are what is compared.
 *
 * @module
 */

import { DEFAULT_CONFIG } from "../lib/config.ts";
import { readHost } from "../lib/host/mod.ts";
import { planStart } from "../lib/plan.ts";
import { RealSystem } from "../lib/real-system.ts";
import type { System } from "../lib/system.ts";
import { bigDomain, bigHost, fakeSysfs } from "./bench-data.ts";
import { FLAGS } from "./programs.ts";

/** Middle of some numbers. */
function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

/** Times things in turn, so that what else the machine does hits all alike. Gives each one's median in milliseconds. */
async function inTurn<K extends string>(
  rounds: number,
  things: Record<K, () => unknown>,
): Promise<Record<K, number>> {
  const names = Object.keys(things) as K[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>;
  for (let round = -1; round < rounds; round++) { // the first round warms up
    for (const name of names) {
      const began = performance.now();
      await things[name]();
      if (round >= 0) times[name].push(performance.now() - began);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times[name])])) as Record<K, number>;
}

/** One line of the result. `limit` is what the project holds itself to. */
function row(what: string, value: number, unit: string, limit?: number): void {
  const held = limit === undefined
    ? ""
    : value <= limit
    ? `  (at most ${limit}: held)`
    : `  (at most ${limit}: NOT HELD)`;
  console.log(`${what.padEnd(62)}${value.toFixed(unit === "x" ? 2 : 1).padStart(8)} ${unit}${held}`);
  if (limit !== undefined && value > limit) Deno.exitCode = 1;
}

/** Runs a program to its end, as libvirt does: input through a pipe, output read. */
async function runProgram(program: string, args: readonly string[], stdin = ""): Promise<void> {
  const child = new Deno.Command(program, { args: [...args], stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  const writer = child.stdin.getWriter();
  writer.write(new TextEncoder().encode(stdin)).then(() => writer.close()).catch(() => {}); // it need not be read
  await child.output();
}

/** Most memory that a program has had while it waits for its input, in MB. */
async function peakMemory(program: string, args: readonly string[]): Promise<number> {
  const child = new Deno.Command(program, { args: [...args], stdin: "piped", stdout: "null", stderr: "null" }).spawn();
  const memory = () => {
    const status = Deno.readTextFileSync(`/proc/${child.pid}/status`);
    const waits = Deno.readTextFileSync(`/proc/${child.pid}/wchan`).includes("pipe");
    const peak = /^VmHWM:\s+(\d+)/m.exec(status)?.[1];
    return waits && peak ? Number(peak) / 1024 : undefined;
  };
  const peak = await new RealSystem([]).until(memory, 5_000) ?? NaN;
  await child.stdin.close();
  await child.status;
  return peak;
}

/** Compiles a program that does nothing, the way ours are compiled. */
async function emptyProgram(folder: string): Promise<string> {
  const source = `${folder}/empty.ts`;
  await Deno.writeTextFile(source, "Deno.exit(0);\n");
  const args = ["compile", "--no-config", ...FLAGS, "-o", `${folder}/empty`, source];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return `${folder}/empty`;
}

/**
 * A system that notes what was read and which programs were run, to be done again without any of our code around it.
 */
function noting(system: System, reads: (() => unknown)[], place: (path: string) => string): System {
  const missing = (read: () => unknown) => {
    try {
      read();
    } catch {
      // what is missing for us is missing for the bare walk too
    }
  };
  const bare: Record<string, (path: string) => unknown> = {
    read: (path) => Deno.readTextFileSync(path),
    readBytes: (path) => Deno.readFileSync(path),
    list: (path) => [...Deno.readDirSync(path)],
    link: (path) => Deno.readLinkSync(path),
    info: (path) => Deno.lstatSync(path),
  };
  return new Proxy(system, {
    get(target, name: keyof System & string) {
      const value = target[name];
      if (typeof value !== "function") return value;
      return (path: string, ...rest: unknown[]) => {
        const walk = bare[name];
        const call = () => (value as (...args: unknown[]) => unknown).call(target, path, ...rest);
        if (walk) reads.push(() => missing(() => walk(place(path))));
        if (name === "run") reads.push(call);
        return call();
      };
    },
  });
}

/** The machine as it is, without processes that not even root may look into: those are handed to another program. */
class ReadableSystem extends RealSystem {
  override list(path: string): readonly string[] {
    return path === "/proc" ? super.list(path).filter((pid) => this.#readable(pid)) : super.list(path);
  }

  readonly #known = new Map<string, boolean>();

  #readable(pid: string): boolean {
    if (!this.#known.has(pid)) {
      try {
        for (const fd of super.list(`/proc/${pid}/fd`)) super.link(`/proc/${pid}/fd/${fd}`);
        this.#known.set(pid, true);
      } catch {
        this.#known.set(pid, false);
      }
    }
    return this.#known.get(pid)!;
  }
}

const folder = await Deno.makeTempDir();
try {
  const programs = "build/bin";
  const empty = await emptyProgram(folder);
  const start = ["guest", "start", "begin", "-"];
  const processes = await inTurn(40, {
    empty: () => runProgram(empty, []),
    quick: () => runProgram(`${programs}/qemu`, start, "<domain/>"),
    marked: () =>
      runProgram(`${programs}/qemu`, ["guest", "prepare", "begin", "-"], "<domain><name>guest</name></domain>"),
    scripts: () => runProgram(`${programs}/user-scripts`, ["qemu", ...start], "<domain/>"),
    bash: () => runProgram("/bin/bash", ["-c", "true"]),
  });
  row("empty compiled program", processes.empty, "ms");
  row("dispatcher, event with nothing to do / empty compiled program", processes.quick / processes.empty, "x", 1.3);
  row("dispatcher, prepare of a guest without devices / empty", processes.marked / processes.empty, "x", 1.3);
  row("user-scripts without a script / empty", processes.scripts / processes.empty, "x");
  row("for the record: bash -c true / empty", processes.bash / processes.empty, "x");
  row(
    "memory of the dispatcher at its highest",
    await peakMemory(`${programs}/qemu`, ["guest", "prepare", "begin", "-"]),
    "MB",
  );

  const { plan } = await inTurn(200, { plan: () => planStart(bigDomain(), DEFAULT_CONFIG, bigHost()) });
  row("plan for 200 PCI functions and 500 processes", plan, "ms", 5);

  const fake = await fakeSysfs(`${folder}/sys`);
  const prefixes = [["/sys/", `${folder}/sys/`]] as const;
  const place = (path: string) => path.startsWith("/sys/") ? `${folder}${path}` : path;
  const real = new ReadableSystem(prefixes);
  const reads: (() => unknown)[] = [];
  await readHost(noting(real, reads, place), fake);
  const facts = await inTurn(60, {
    facts: () => readHost(real, fake),
    walk: async () => {
      for (const read of reads) await read();
    },
  });
  row(`facts about the host, ${reads.length} reads and runs`, facts.facts, "ms");
  row("facts about the host / the same reads and runs alone", facts.facts / facts.walk, "x", 1.5);
} finally {
  await Deno.remove(folder, { recursive: true });
}
