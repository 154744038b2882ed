/**
 * A machine with the compiled programs in their places and a libvirtd of its own, in a namespace.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Journal } from "../../lib/journal.ts";
import type { Fault } from "../simulated/faults.ts";
import { SimulatedHost } from "../simulated/host.ts";
import { functionsOf } from "../simulated/snapshot.ts";
import type { Machine } from "../simulated/machine.ts";
import { PROGRAMS } from "../../tools/programs.ts";
import { EMULATOR } from "./guest.ts";
import { type Ended, Namespace } from "./namespace.ts";
import { until } from "../until.ts";
import { SimulatedSysfs } from "./sysfs/simulated.ts";

/** Where `deno task compile` puts the programs. */
const COMPILED = new URL("../../build/bin", import.meta.url).pathname;
/** libvirt's folder of hooks. */
export const HOOKS = "/etc/libvirt/hooks";
/** The folder of our own programs. */
export const OWN = `${HOOKS}/virt-aid`;
/** Needs no virtlogd, no private /dev, no security driver. */
const QEMU_CONF = `stdio_handler = "file"\nnamespaces = []\nsecurity_driver = "none"\n`;

/** QEMU that leaves out what libvirt asks of vfio: the functions are simulated, there is nothing to be had. */
const WITHOUT_VFIO = `#!/bin/bash
for arg; do
  shift
  if [[ $1 == *'"driver":"vfio-pci"'* && $arg == -device ]]; then continue; fi
  [[ $arg == *'"driver":"vfio-pci"'* ]] || set -- "$@" "$arg"
done
exec /usr/bin/qemu-system-x86_64 "$@"
`;

/** Every event of a guest's life, and which part of it the hook is called with. */
export const EVENTS = ["prepare/begin", "start/begin", "started/begin", "stopped/end", "release/end"] as const;

/** See the module's text. */
export class TestMachine implements AsyncDisposable {
  #libvirtd?: Deno.ChildProcess;
  #virsh = 0;

  readonly #before: ReturnType<typeof functionsOf>;

  private constructor(readonly ns: Namespace, readonly sysfs?: SimulatedSysfs) {
    this.#before = sysfs ? functionsOf(sysfs.host) : {};
  }

  /**
   * Makes one and starts its libvirtd.
   *
   * @param simulated The machine whose sysfs the programs see; the real one where this is not said.
   * @param faults What goes wrong on it.
   */
  static async up(simulated?: Machine, faults: readonly Fault[] = []): Promise<TestMachine> {
    const ns = await Namespace.make();
    const sysfs = simulated && await SimulatedSysfs.mount(new SimulatedHost(simulated, faults), ns);
    const machine = new TestMachine(ns, sysfs);
    const places = PROGRAMS.flatMap(({ name }) =>
      name === "qemu" ? [`${HOOKS}/qemu`, `${HOOKS}/daemon`] : [`${OWN}/${name}`]
    );
    const from = (place: string) => `${COMPILED}/${place.slice(place.lastIndexOf("/") + 1).replace("daemon", "qemu")}`;
    for (const place of places) ns.write(place, "", 0o755);
    await ns.bash(places.map((place) => `mount --bind '${from(place)}' '${place}'`).join("\n"));
    ns.write("/etc/libvirt/qemu.conf", QEMU_CONF);
    ns.write(EMULATOR, WITHOUT_VFIO, 0o755);
    await machine.startLibvirtd();
    return machine;
  }

  /** The simulated host. */
  get host(): SimulatedHost {
    return this.sysfs!.host;
  }

  /** Functions of the simulated host that are not as they were in the beginning. */
  get changed(): Record<string, unknown> {
    const now = functionsOf(this.host);
    const same = (address: string) => JSON.stringify(now[address]) === JSON.stringify(this.#before[address]);
    return Object.fromEntries(
      Object.keys(this.#before).filter((address) => !same(address)).map((address) => [address, now[address] ?? "gone"]),
    );
  }

  /** Starts libvirtd; it answers when this is over. */
  async startLibvirtd(): Promise<void> {
    await this.ns.run("/bin/rm", "-f", "/run/libvirt/libvirt-sock", "/run/libvirtd.pid");
    const log = "LIBVIRT_LOG_OUTPUTS=3:file:/var/log/libvirtd.log";
    this.#libvirtd = this.ns.spawn(["/usr/bin/env", log, "/usr/sbin/libvirtd"]);
    await until("libvirtd's socket", () => this.ns.has("/run/libvirt/libvirt-sock"));
  }

  /** Id of libvirtd, inside. */
  get libvirtd(): number {
    return Number(this.ns.read("/run/libvirtd.pid"));
  }

  /** Ends libvirtd and waits for that. */
  async stopLibvirtd(signal: "KILL" | "TERM"): Promise<void> {
    await this.ns.signal(signal, this.libvirtd);
    await this.#libvirtd!.status;
  }

  /** Runs virsh. */
  virsh(...args: readonly string[]): Promise<Ended> {
    return this.ns.run("/usr/bin/virsh", "-q", "-c", "qemu:///system", ...args);
  }

  /** Runs virsh, which has to succeed. */
  async must(...args: readonly string[]): Promise<string> {
    const ended = await this.virsh(...args);
    assertEquals(
      ended.code,
      0,
      `virsh ${args.join(" ")}: ${ended.stderr}
${this.log}`,
    );
    return ended.stdout;
  }

  /** Starts a transient guest. */
  async create(xml: string, ...options: readonly string[]): Promise<Ended> {
    const path = `/tmp/guest-${++this.#virsh}.xml`;
    this.ns.write(path, xml);
    return await this.virsh("create", ...options, path);
  }

  /** State of a guest, `running`, `shut off`; empty where there is none. */
  async state(guest: string): Promise<string> {
    return (await this.virsh("domstate", guest)).stdout.trim();
  }

  /** Waits until libvirtd is done with taking a guest up again: ended before that, it would count as lost. */
  async reconnected(guest: string): Promise<void> {
    await this.must("qemu-monitor-command", guest, "--hmp", "info status");
  }

  /** Puts a user script in place: lines of bash. */
  script(place: string, lines: string, mode = 0o755): void {
    this.ns.write(`${HOOKS}/${place}`, `#!/bin/bash\n${lines}\n`, mode);
  }

  /** Has a user script note the events of a guest: arguments in /run/events, the XML in /run/xml.OPERATION. */
  noteEvents(guest: string, events: readonly string[] = EVENTS): void {
    for (const event of events) {
      this.script(`qemu.d/${guest}/${event}`, `echo "$*" >>/run/events; cat >"/run/xml.$2"`);
    }
  }

  /** Events that were noted so far. */
  get events(): string[] {
    return this.ns.read("/run/events").split("\n").slice(0, -1);
  }

  /** The log of our programs. */
  get log(): string {
    return this.ns.read("/var/log/virt-aid/virt-aid.log");
  }

  /** Journals, in byte order of their UUIDs. */
  get journals(): Journal[] {
    return this.ns.list("/run/virt-aid/guests").filter((name) => name.endsWith(".json"))
      .map((name) => JSON.parse(this.ns.read(`/run/virt-aid/guests/${name}`)));
  }

  /** Outcomes in the history, oldest first. */
  get outcomes(): string[] {
    return this.ns.list("/var/lib/virt-aid/history")
      .map((name) => JSON.parse(this.ns.read(`/var/lib/virt-aid/history/${name}`)).outcome);
  }

  /**
   * Waits until no program of ours runs any more: recovery goes on when the hook that started it is over.
   *
   * @param folder Where their programs lie.
   * @param stuck How many sit in the kernel and stay.
   */
  async unattended(folder: string = HOOKS, stuck = 0): Promise<void> {
    await until("the end of our programs", async () => (await this.ns.pidsOf(folder)).length <= stuck);
  }

  /** Takes all of it down. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.sysfs?.[Symbol.dispose]();
    await this.ns[Symbol.asyncDispose]();
    await this.#libvirtd?.status;
    await this.sysfs?.ended;
  }
}
