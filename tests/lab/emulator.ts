/**
 * A running emulated machine: a process of QEMU, with the agent in it.
 *
 * @module
 */

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

/** Kills it, if it has not ended by itself. */
function end(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // it has
  }
}

/** See the module's text. */
export class Emulator implements AsyncDisposable {
  private constructor(
    readonly child: Deno.ChildProcess,
    readonly folder: string,
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
    const socket = (name: string) => `socket,id=${name},path=${folder}/${name},server=on,wait=off`;
    const disk = (file: string) => ["-drive", `file=${file},format=qcow2,if=virtio`];
    const args = [
      ...machineArguments(`${disks.kernel}/vmlinuz`, `${disks.kernel}/initrd.img`),
      ...disk(disks.root),
      ...disk(disks.programs),
      ...["-device", "virtio-serial", "-chardev", socket("agent")],
      ...["-device", "virtserialport,chardev=agent,name=virt-aid-lab"],
      ...["-chardev", socket("shell"), "-device", "virtconsole,chardev=shell"],
      ...["-chardev", `file,id=console,path=${folder}/console.log,append=on`, "-serial", "chardev:console"],
      ...["-chardev", socket("qmp"), "-mon", "qmp,mode=control", "-no-reboot"],
      ...(state ? ["-incoming", `exec:cat '${state}'`] : []),
    ];
    const child = new Deno.Command("setpriv", {
      args: [...WITH_US, ...args],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    })
      .spawn();
    const said = new Response(child.stderr).text();
    const connect = <A>(name: string, parse: Dialog<A>["parse"]) =>
      until(`QEMU's socket ${name}`, () => Dialog.connect(`${folder}/${name}`, parse).catch(() => false as const), 5);
    try {
      const qmp = await connect("qmp", parseQmp);
      const emulator = new Emulator(child, folder, qmp, await connect("agent", parseAgent));
      await emulator.tell("qmp_capabilities");
      return emulator;
    } catch (error) {
      end(child);
      throw new Error(`${(error as Error).message}; QEMU says: ${await said}`);
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
    await this.child.status;
  }

  /** Pulls the plug. */
  async [Symbol.asyncDispose](): Promise<void> {
    end(this.child);
    await this.child.status;
    this.qmp[Symbol.dispose]();
    this.agent[Symbol.dispose]();
  }
}
