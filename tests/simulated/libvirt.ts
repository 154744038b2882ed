/**
 * A model of libvirtd: which hooks it runs when, and what it does with PCI devices itself (docs/libvirt.md 1 and 7). Its
 * reading of the XML is its own, so that an error in ours shows.
 *
 * @module
 */

import { kindOf } from "./drivers.ts";
import { Hung } from "./errno.ts";
import type { SimulatedHost } from "./host.ts";
import { Failed, Gone, type Guest, parseGuest, statusFile } from "./libvirt-guest.ts";
import type { SimulatedProcess } from "./processes.ts";

/** A hook that was run. */
export interface HookRun {
  /** `prepare begin -`. */
  readonly event: string;
  /** How it ended. */
  readonly ended: "exit" | "killed" | "stuck";
  /** Its status. */
  readonly code: number;
  /** What it said. */
  readonly stderr: string;
}

/** What came of a start or a stop. */
export interface Result {
  /** State of the guest; `hung`: libvirtd waits without an end; `lost`: libvirtd died meanwhile. */
  readonly state: "running" | "shut off" | "hung" | "lost";
  /** What virsh prints if it failed; empty if not. */
  readonly says: string;
  /** Hooks in order. */
  readonly hooks: readonly HookRun[];
}

const HOOKS = "/etc/libvirt/hooks";

/** The daemon. */
export class SimulatedLibvirt {
  /** Guests whose QEMU runs, by name. */
  readonly running: Map<string, Guest> = new Map();
  /** Its process. */
  process: SimulatedProcess;
  /** Functions that unmanaged guests had: libvirt does not look at their driver again (docs/libvirt.md 7). */
  readonly #inactive = new Set<string>();
  #hooks: HookRun[] = [];
  #id = 0;

  /** Starts it on a host. */
  constructor(readonly host: SimulatedHost) {
    this.process = this.#spawn();
  }

  #spawn(): SimulatedProcess {
    const cgroup = "/system.slice/libvirtd.service";
    return this.host.processes.spawn({ comm: "libvirtd", args: ["/usr/sbin/libvirtd", "--timeout", "120"], cgroup });
  }

  /** `virsh start`, or `virsh create` of that XML. */
  async start(xml: string): Promise<Result> {
    const guest = parseGuest(xml.replace("<domain ", `<domain id='${++this.#id}' `));
    const before = this.#hooks = [];
    if (this.running.has(guest.name)) {
      return { state: "running", says: "error: Domain is already active\n", hooks: before };
    }
    return await this.#told(before, async () => {
      try {
        await this.#must(guest, "prepare", "begin");
        for (const device of guest.devices) this.#take(guest, device);
        await this.#must(guest, "start", "begin");
        this.#launch(guest);
        await this.#must(guest, "started", "begin");
      } catch (error) {
        if (!(error instanceof Failed)) throw error;
        await this.#end(guest, "failed");
        return { state: "shut off", says: `error: Failed to start domain '${guest.name}'\nerror: ${error.message}\n` };
      }
      this.running.set(guest.name, guest);
      this.host.guests.set(guest.name, guest.xml);
      return { state: "running", says: "" };
    });
  }

  /** The guest ends: `destroyed`, `shutdown`, `crashed`. */
  async stop(name: string, reason = "destroyed"): Promise<Result> {
    const guest = this.running.get(name);
    if (!guest) throw new Error(`${name} does not run`);
    return await this.#told(this.#hooks = [], async () => {
      await this.#end(guest, reason);
      return { state: "shut off", says: "" };
    });
  }

  /** The daemon dies, or is told to die; its hooks and guests live on. */
  die(): void {
    this.host.processes.kill(this.process.pid);
  }

  /** It comes back: the daemon hook, then every guest that it knows of. Starts that it was in are forgotten. */
  async restart(): Promise<readonly HookRun[]> {
    this.die();
    this.process = this.#spawn();
    this.#inactive.clear();
    const hooks = this.#hooks = [];
    await this.#run("daemon", ["-", "start", "-", "start"], "");
    for (const guest of [...this.running.values()]) {
      const alive = guest.qemu && !guest.qemu.gone;
      const ok = alive && (await this.#hook(guest, "reconnect", "begin", "-")).code === 0;
      if (!ok) await this.#end(guest, alive ? "daemon" : "crashed");
    }
    return hooks;
  }

  /** Adds the hooks to a result, and knows of a daemon that is not there any more. */
  async #told(hooks: readonly HookRun[], body: () => Promise<Omit<Result, "hooks">>): Promise<Result> {
    try {
      return { ...await body(), hooks };
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
      return { state: error.state, says: "error: End of file while reading data: Input/output error\n", hooks };
    }
  }

  /** Runs a hook; where there is none, all is well. */
  async #run(driver: string, args: readonly string[], stdin: string): Promise<HookRun> {
    const program = `${HOOKS}/${driver}`;
    const main = this.host.programs.get(program);
    const { pid } = this.process;
    const event = args.slice(1).join(" ");
    if (!main) return { event, ended: "exit", code: 0, stderr: "" };
    const outcome = await this.host.start(main, { program, args, stdin, parent: pid }).ended;
    const run = { event, ended: outcome.ended, code: outcome.code, stderr: outcome.stderr };
    this.#hooks.push(run);
    if (this.process.pid !== pid || this.process.gone) throw new Gone("lost");
    if (outcome.ended === "stuck") throw new Gone("hung");
    return run;
  }

  #hook(guest: Guest, operation: string, sub: string, extra: string): Promise<HookRun> {
    return this.#run("qemu", [guest.name, operation, sub, extra], guest.xml);
  }

  /** A hook that can stop a start. */
  async #must(guest: Guest, operation: string, sub: string): Promise<void> {
    const { ended, code, stderr } = await this.#hook(guest, operation, sub, "-");
    if (code === 0) return;
    const how = ended === "killed" ? "fatal signal 9" : `exit status ${code}`;
    const child = `Child process (LC_ALL=C PATH=/usr/sbin:/usr/bin ${HOOKS}/qemu ${guest.name} ${operation} ${sub} -)`;
    throw new Failed(`Hook script execution failed: internal error: ${child} unexpected ${how}: ${stderr}`);
  }

  /** What libvirt does to the host in its own name. */
  #act(body: () => void): void {
    try {
      this.host.as(this.process.pid, body);
    } catch (error) {
      if (!(error instanceof Hung)) throw new Failed((error as Error).message);
      this.host.processes.hang(this.process, error);
      throw new Gone("hung");
    }
  }

  /** virHostdevPreparePCIDevicesImpl() for one device. */
  #take(guest: Guest, { address, managed }: Guest["devices"][number]): void {
    const { pci, modules } = this.host;
    const fn = pci.functions.get(address);
    if (!fn) throw new Failed(`Device ${address} not found: could not access /sys/bus/pci/devices/${address}/config`);
    if (!this.host.machine.iommu) {
      throw new Failed("unsupported configuration: host doesn't support passthrough of host PCI devices");
    }
    for (const other of this.running.values()) {
      if (!other.devices.some((device) => device.address === address)) continue;
      throw new Failed(
        `Requested operation is not valid: PCI device ${address} is in use by driver QEMU, domain ${other.name}`,
      );
    }
    const vfio = () => fn.driver !== undefined && kindOf(fn.driver) === "vfio";
    if (!managed && !vfio() && !this.#inactive.has(address)) {
      throw new Failed(
        `Requested operation is not valid: Unmanaged PCI device ${address} must be manually detached from the host`,
      );
    }
    if (managed && !vfio()) {
      this.#act(() => {
        if (!modules.all.get("vfio_pci")!.loaded) {
          this.host.operate("modprobe", "vfio_pci", undefined, () => modules.load("vfio_pci"));
        }
        pci.setOverride(fn, "vfio-pci");
        pci.unbind(fn);
        pci.probe(fn);
      });
      guest.bound.push(fn);
      if (!vfio()) throw new Failed(`internal error: Unable to bind PCI device ${address} to vfio-pci`);
    }
    if (!vfio()) this.#act(() => pci.reset(fn));
    if (!managed) this.#inactive.add(address);
  }

  /** QEMU starts and opens its devices. */
  #launch(guest: Guest): void {
    const { pci, processes } = this.host;
    this.#act(() => this.host.operate("qemu", guest.name, undefined, () => {}));
    for (const { address } of guest.devices) {
      const { group } = pci.at(address).spec;
      const bad = [...pci.functions.values()].find((fn) =>
        fn.spec.group === group && fn.driver !== undefined && !["pcieport", "pci-stub"].includes(fn.driver) &&
        kindOf(fn.driver) !== "vfio"
      );
      if (!bad && pci.at(address).driver) continue;
      throw new Failed(
        `internal error: qemu unexpectedly closed the monitor: vfio ${address}: group ${group} is not viable`,
      );
    }
    const args = ["/usr/bin/qemu-system-x86_64", "-name", `guest=${guest.name},debug-threads=on`, "-uuid", guest.uuid];
    const cgroup = `/machine.slice/machine-qemu\\x2d${this.#id}.scope`;
    guest.qemu = processes.spawn({ comm: "qemu-system-x86", args, uid: 64055, cgroup });
    if (guest.devices.length > 0) processes.open(guest.qemu, "/dev/vfio/vfio");
    for (const group of new Set(guest.devices.map(({ address }) => pci.at(address).spec.group))) {
      processes.open(guest.qemu, `/dev/vfio/${group}`);
    }
    for (const { address } of guest.devices) processes.open(guest.qemu, "anon_inode:[vfio-device]", `vfio ${address}`);
    this.host.tree.file(statusFile(guest), "<domstatus/>", 0o600);
  }

  /** The guest's end: QEMU, stopped, what libvirt bound itself, release. */
  async #end(guest: Guest, reason: string): Promise<void> {
    if (guest.qemu) this.host.processes.kill(guest.qemu.pid);
    await this.#hook(guest, "stopped", "end", "-");
    // what QEMU had is reset, if it is not with vfio any more: bad luck for a driver of the host that has it already
    for (const { address } of guest.qemu ? guest.devices : []) {
      const fn = this.host.pci.functions.get(address);
      if (fn?.driver !== undefined && kindOf(fn.driver) !== "vfio") this.#act(() => this.host.pci.reset(fn));
    }
    for (const fn of guest.bound) {
      this.#act(() => {
        this.host.pci.setOverride(fn, "\n");
        this.host.pci.unbind(fn);
        this.host.pci.probe(fn);
      });
    }
    this.running.delete(guest.name);
    this.host.guests.delete(guest.name);
    this.host.tree.drop(statusFile(guest));
    await this.#hook(guest, "release", "end", reason);
  }
}
