/**
 * The machine itself, with the folders of the hooks in a temporary one and with the process around a hook in the test's
 * hands: who called it, what is on its standard input, what it says. Files, programs and deadlines are real.
 *
 * @module
 */

import { EVENTS, HOOKS, PROGRAMS } from "../lib/event.ts";
import { JOURNALS } from "../lib/journal.ts";
import { RealSystem } from "../lib/real-system.ts";
import type { FileInfo } from "../lib/system.ts";

/** See the module's text. */
export class HookSystem extends RealSystem implements Disposable {
  /** Where everything lies in truth. */
  readonly folder: string;
  /** The name that the hook is called by. */
  driver = "qemu";
  /** Who calls it. */
  user = 0;
  /** The parent's process id, one after the other at each look; the last one stays. */
  parents = [4711];
  /** What is on standard input. */
  stdin = new Uint8Array();
  /** How often it was read. */
  reads = 0;
  /** What was written to standard error. */
  complaints = "";
  /** What was written to standard output. */
  printed = "";
  /** Owners of paths that do not belong to root. */
  readonly owners = new Map<string, number>();
  #looked = 0;

  constructor() {
    const folder = Deno.makeTempDirSync();
    super([["/etc/", `${folder}/etc/`], ["/run/", `${folder}/run/`], ["/var/", `${folder}/var/`]]);
    this.folder = folder;
    this.makeFolder(HOOKS);
  }

  override get program(): string {
    return this.driver;
  }

  override get uid(): number {
    return this.user;
  }

  override parent(): number {
    return this.parents.length > 1 ? this.parents.shift()! : this.parents[0]!;
  }

  override input(max: number): Promise<Uint8Array | undefined> {
    this.reads++;
    return Promise.resolve(this.stdin.length > max ? undefined : this.stdin);
  }

  override complain(text: string): void {
    this.complaints += text;
  }

  override print(data: string | Uint8Array): void {
    this.printed += typeof data === "string" ? data : new TextDecoder().decode(data);
  }

  /** Tests run as anyone, and in the product everything belongs to root. */
  override info(path: string): FileInfo | undefined {
    const info = super.info(path);
    return info && { ...info, uid: this.owners.get(path) ?? 0 };
  }

  /** Puts a file into place that can be run; without a text, one that writes down how it was called and with what input. */
  script(path: string, text = "exit 0"): void {
    const place = `${this.folder}${path}`;
    this.makeFolder(path.slice(0, path.lastIndexOf("/")));
    const note = `{ printf '%s\\n' "\${0##*/} $*"; cat; echo; } >> ${this.folder}/calls`;
    Deno.writeTextFileSync(place, `#!/bin/sh\n${note}\n${text}\n`);
    Deno.chmodSync(place, 0o755);
  }

  /** How scripts were called and what they got, since the last look. */
  calls(): string[] {
    const text = (this.read(`${this.folder}/calls`) ?? "").slice(this.#looked);
    this.#looked += text.length;
    return text.split("\n").filter((line) => line !== "");
  }

  /** Is a process there, and no zombie? */
  lives(pid: string): boolean {
    try {
      return !/\) Z /.test(Deno.readTextFileSync(`/proc/${pid.trim()}/stat`));
    } catch {
      return false;
    }
  }

  /** Waits until a program that wrote its process id into a file has ended, and nothing of it is left to wait for. */
  async ended(file: string): Promise<boolean> {
    const pid = await this.until(() => this.read(`${this.folder}/${file}`)?.match(/^(\d+)\n/)?.[1], 5000);
    return await this.until(() => pid !== undefined && this.info(`/proc/${pid}`) === undefined, 5000) ?? false;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** A guest with a device of the host's, as far as the dispatcher looks. */
export const XML = "<domain><name>win11</name><devices><hostdev mode='subsystem' type='pci'/></devices></domain>";

/** A host with all our programs and with scripts for every event. */
export function host({ xml = XML, journal = false, scripts = true } = {}): HookSystem {
  const system = new HookSystem();
  system.stdin = new TextEncoder().encode(xml);
  for (const name of ["prepare-begin", "started-begin", "release-end", "user-scripts"]) {
    system.script(`${PROGRAMS}/${name}`);
  }
  system.script(`${PROGRAMS}/virt-aid`, `echo $$ > ${system.folder}/recovery`);
  if (journal) {
    const step = { kind: "unbind", address: "0000:01:00.0", driver: "nvidia" };
    const what = "unbind 0000:01:00.0 from nvidia";
    const entries = ["done", "intended"].map((state) => ({ step, what, before: {}, state }));
    system.makeFolder(JOURNALS);
    const guest = { name: "win11", uuid: "0" };
    system.save(`${JOURNALS}/0.json`, JSON.stringify({ version: 1, guest, claims: [], entries }));
  }
  for (const { driver, operation, sub } of scripts ? EVENTS : []) {
    for (const guest of ["win11", "-"]) system.makeFolder(`${HOOKS}/${driver}.d/${guest}/${operation}/${sub}`);
  }
  return system;
}
