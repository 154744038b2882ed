/**
 * A running emulated machine: a process of QEMU, with the agent in it.
 *
 * @module
 */

import { timer } from "../../lib/process.ts";
import { until } from "../until.ts";
import { Dialog } from "./dialog.ts";
import { machineArguments } from "./hardware.ts";

/** How lines of bash ended. */
export interface Ended {
  /** Exit status. */
  readonly code: number;
  /** Standard output. */
  readonly stdout: string;
  /** Standard error. */
  readonly stderr: string;
}

/** What a machine is made of. */
export interface Disks {
  /** Folder with `vmlinuz` and `initrd.img`. */
  readonly kernel: string;
  /** The root disk. */
  readonly root: string;
  /** The disk of /etc/libvirt/hooks. */
  readonly programs: string;
}

/** What QEMU answers. */
interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

/** QEMU is to end when we do, however that is. */
const WITH_US = ["--pdeathsig", "KILL", "qemu-system-x86_64"];

const encode = (text: string) => new TextEncoder().encode(text).toBase64();
const decode = (text = "-") => text === "-" ? "" : new TextDecoder().decode(Uint8Array.fromBase64(text));

/** A line of QEMU's, QMP. */
function parseQmp(line: string): { id: string; answer: Answer } | undefined {
  const { id, ...answer } = JSON.parse(line);
  return id === undefined ? undefined : { id, answer };
}

/** A line of the agent's. */
function parseAgent(line: string): { id: string; answer: Ended } {
  const [id, code, stdout, stderr] = line.split(" ");
  return { id: id!, answer: { code: Number(code), stdout: decode(stdout), stderr: decode(stderr) } };
}

/**
 * Everything that QEMU is told for a machine with these disks.
 *
 * @param folder Where it puts its sockets, and what the kernel says.
 */
export function emulatorArguments(disks: Disks, folder: string): string[] {
  const socket = (name: string) => `socket,id=${name},path=${folder}/${name},server=on,wait=off`;
  const disk = (file: string) => ["-drive", `file=${file},format=qcow2,if=virtio`];
  return [
    ...machineArguments(`${disks.kernel}/vmlinuz`, `${disks.kernel}/initrd.img`),
    ...disk(disks.root),
    ...disk(disks.programs),
    ...["-device", "virtio-serial", "-chardev", socket("agent")],
    ...["-device", "virtserialport,chardev=agent,name=virt-aid-lab"],
    ...["-chardev", socket("shell"), "-device", "virtconsole,chardev=shell"],
    ...["-chardev", `file,id=console,path=${folder}/console.log,append=on`, "-serial", "chardev:console"],
    ...["-chardev", socket("qmp"), "-mon", "qmp,mode=control", "-no-reboot"],
  ];
}

/** Kills it, if it has not ended by itself. */
function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // it has
  }
}

/** Waits until QEMU has ended; gives how, and what it said. */
async function endOf(child: Deno.ChildProcess): Promise<string> {
  const text = new Response(child.stderr).text();
  const { code, signal } = await child.status;
  const patience = timer(1000); // what QEMU has started may hold the pipe
  const said = await Promise.race([text, patience.up]);
  patience.clear();
  return `the machine is gone: QEMU ended with ${signal ?? `status ${code}`}; ${said?.trim() || "it said nothing"}`;
}

/** See the module's text. */
export class Emulator implements AsyncDisposable {
  private constructor(
    readonly child: Deno.ChildProcess,
    readonly folder: string,
    /** Kept when QEMU has ended: how. */
    readonly gone: Promise<string>,
    readonly qmp: Dialog<Answer>,
    readonly agent: Dialog<Ended>,
  ) {}

  /**
   * Switches a machine on.
   *
   * @param folder Where it puts its sockets, and `console.log`: what the kernel says. It has to be short.
   * @param state A state that was saved, to go on from there; else it boots.
   */
  static async up(disks: Disks, folder: string, state?: string): Promise<Emulator> {
    await Deno.mkdir(folder, { recursive: true });
    const incoming = state ? ["-incoming", `exec:cat '${state}'`] : [];
    const args = [...WITH_US, ...emulatorArguments(disks, folder), ...incoming];
    const child = new Deno.Command("setpriv", { args, stdin: "null", stdout: "null", stderr: "piped" }).spawn();
    let end: string | undefined;
    const gone = endOf(child);
    gone.then((how) => end = how);
    const connect = <A>(name: string, parse: Dialog<A>["parse"]) =>
      until(`QEMU's socket ${name}`, () => {
        if (end) throw new Error(end);
        return Dialog.connect(`${folder}/${name}`, parse, gone).catch(() => false as const);
      }, 30);
    try {
      const qmp = await connect("qmp", parseQmp);
      const emulator = new Emulator(child, folder, gone, qmp, await connect("agent", parseAgent));
      await emulator.tell("qmp_capabilities");
      return emulator;
    } catch (error) {
      if (end) throw error;
      kill(child);
      throw new Error(`${(error as Error).message}; ${await gone}`);
    }
  }

  /** Tells QEMU something, QMP; gives what it answers. */
  async tell(execute: string, args: Record<string, unknown> = {}): Promise<unknown> {
    const line = (id: string) => JSON.stringify({ execute, arguments: args, id });
    const answer = await this.qmp.ask(line, execute, 60);
    if (answer.error) throw new Error(`${execute}: ${answer.error.desc}`);
    return answer.return;
  }

  /** Runs lines of bash in the machine, as soon as that answers. */
  run(lines: string, seconds = 120): Promise<Ended> {
    return this.agent.ask((id) => `${id} ${encode(lines)}`, lines, seconds);
  }

  /**
   * Waits until QEMU has ended by itself: the machine was shut down.
   *
   * @throws {Error} If it has not in so many seconds.
   */
  async ended(seconds = 60): Promise<void> {
    const deadline = timer(seconds * 1000);
    const how = await Promise.race([this.gone, deadline.up]);
    deadline.clear();
    if (how === undefined) throw new Error(`QEMU has not ended in ${seconds} s`);
  }

  /** Writes the state of the machine to a file; it does not go on after that. */
  async save(file: string): Promise<void> {
    await this.tell("migrate-set-parameters", { "max-bandwidth": 10 * 2 ** 30 });
    await this.tell("migrate", { uri: `exec:cat >'${file}'` });
    await until("the saved state", async () => {
      const { status, "error-desc": why } = await this.tell("query-migrate") as Record<string, string>;
      if (status === "failed") throw new Error(`the state of the machine could not be saved: ${why}`);
      return status === "completed";
    });
    await this.tell("quit");
    await this.ended();
  }

  /** Pulls the plug. */
  async [Symbol.asyncDispose](): Promise<void> {
    kill(this.child);
    await this.ended();
    this.qmp[Symbol.dispose]();
    this.agent[Symbol.dispose]();
  }
}
