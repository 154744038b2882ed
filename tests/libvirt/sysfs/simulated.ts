/**
 * The sysfs of a simulated host as a file system: what a test's programs read and write there reaches the host at once,
 * faults included. A call that hangs in the simulated kernel gets no answer, and its process sits in the real one.
 *
 * @module
 */

import { Hung, kernelError } from "../../simulated/errno.ts";
import * as files from "../../simulated/files.ts";
import type { SimulatedHost } from "../../simulated/host.ts";
import { asBytes, File } from "../../simulated/tree.ts";
import type { Namespace } from "../namespace.ts";
import { type Answer, type FileSystem, Fuse } from "./fuse.ts";

const EIO = 5;
/** Where the product' programs look for sysfs. */
const PLACE = "/run/virt-aid/sys";
/** Programs that change modules: in the namespace they tell the host, each through a file of its sysfs. */
const MODULE_PROGRAMS = ["modprobe", "rmmod"] as const;
const told = (program: string) =>
  `#!/bin/sh
case $1 in --) shift ;; esac
echo "$@" >/run/virt-aid/sys/${program}
`;

/** libvirt's own sysfs becomes the simulated one too, but for processors and memory: those are real. */
const FOR_LIBVIRT = `mkdir /run/virt-aid/real
mount --bind /sys/devices/system /run/virt-aid/real
mount --bind ${PLACE} /sys
mount --move /run/virt-aid/real /sys/devices/system
rmdir /run/virt-aid/real
mkdir /dev/vfio
for node in vfio $(ls /sys/kernel/iommu_groups); do mknod -m 666 /dev/vfio/$node c 1 3; done`;

/** A call that hangs. */
interface Waiting {
  readonly hung: Hung;
  readonly request: Uint8Array;
}

/** See the module's text. */
export class SimulatedSysfs implements FileSystem, Disposable {
  /** Calls that hang now. */
  readonly waiting: Waiting[] = [];
  readonly #fuse = new Fuse(this);
  #time = performance.now();

  private constructor(readonly host: SimulatedHost) {
    const { tree } = host;
    tree.folder("/sys/devices/system");
    for (const program of MODULE_PROGRAMS) {
      tree.put(`/sys/${program}`, new File("", 0o200, (text) => this.#tell(program, text.trim())));
    }
  }

  /** Mounts it in a namespace. */
  static async mount(host: SimulatedHost, ns: Namespace): Promise<SimulatedSysfs> {
    const sysfs = new SimulatedSysfs(host);
    const path = Deno.makeTempFileSync({ prefix: "virt-aid-" });
    Deno.removeSync(path);
    const listener = Deno.listen({ transport: "unix", path });
    const options = "fd=0,rootmode=40000,user_id=0,group_id=0,nosuid,nodev,noexec";
    const enter = `/usr/bin/nsenter --target ${ns.init} --mount --`;
    await ns.bash(`mkdir -p -m 0700 /run/virt-aid ${PLACE}; mkdir -p /lib/modules/$(uname -r)`);
    const script = `exec 0<>/dev/fuse
      ${enter} /usr/bin/mount --internal-only -t fuse -o ${options} simulated ${PLACE}
      exec "$0" run --quiet --allow-all "$1" "$2" 2>&0`;
    sysfs.#pump = new Deno.Command("/bin/bash", {
      args: ["-euc", script, Deno.execPath(), new URL("pump.ts", import.meta.url).pathname, path],
      stdin: "null",
    }).spawn();
    sysfs.#socket = await listener.accept();
    sysfs.ended = Promise.all([sysfs.#pump.status, sysfs.#serve(sysfs.#socket)]);
    listener.close();
    const release = (await ns.bash("uname -r")).trim();
    for (const list of ["modules.dep", "modules.alias"]) {
      ns.write(
        `/lib/modules/${release}/${list}`,
        String(files.readFile(host.tree, `/lib/modules/${host.kernel}/${list}`, 0)),
      );
    }
    for (const program of MODULE_PROGRAMS) ns.write(`/usr/sbin/${program}`, told(program), 0o755);
    await ns.bash(FOR_LIBVIRT);
    return sysfs;
  }

  /** Kept when it is taken away. */
  ended!: Promise<unknown>;
  #pump!: Deno.ChildProcess;
  #socket!: Deno.Conn;

  /** Answers what comes until the socket is closed. */
  async #serve(socket: Deno.Conn): Promise<void> {
    let held = new Uint8Array();
    const buffer = new Uint8Array(128 * 1024);
    for (;;) {
      const size = await socket.read(buffer).catch(() => null);
      if (size === null) return;
      held = new Uint8Array([...held, ...buffer.subarray(0, size)]);
      for (let length; held.length >= 4 && held.length >= (length = new DataView(held.buffer).getUint32(0, true));) {
        this.#answer(held.slice(0, length));
        held = held.slice(length);
      }
      this.settle();
    }
  }

  /** Answers a request, or keeps it where its call hangs. */
  #answer(request: Uint8Array): void {
    const now = performance.now();
    this.host.clock.advance(now - this.#time);
    this.#time = now;
    const pid = new DataView(request.buffer).getUint32(32, true);
    try {
      this.#send(this.host.as(pid, () => this.#fuse.answer(request)));
    } catch (error) {
      if (!(error instanceof Hung)) throw error;
      this.waiting.push({ hung: error, request });
    }
  }

  #send(answer: Answer): void {
    if (answer) this.#socket.write(answer).catch(() => {});
  }

  /** Lets calls return that waited for something that is so now. What they would have done is done by then. */
  settle(): void {
    for (const { hung, request } of this.waiting.splice(0)) {
      if (!hung.over()) {
        this.waiting.push({ hung, request });
        continue;
      }
      hung.act();
      this.#answer(request);
    }
  }

  /** Ends the calls that hang without doing what they were for, as the kernel does when it gives up. */
  abandon(): void {
    for (const { request } of this.waiting.splice(0)) this.#send(this.#fuse.refuse(request, EIO));
  }

  info(path: string) {
    return files.statFile(this.host.tree, `/sys${path}`);
  }

  list(path: string): readonly string[] {
    return files.listFolder(this.host.tree, `/sys${path}`, 0);
  }

  link(path: string): string {
    return files.readLink(this.host.tree, `/sys${path}`)!;
  }

  read(path: string): Uint8Array {
    const data = files.readFile(this.host.tree, `/sys${path}`, 0);
    if (data === undefined) throw kernelError("ENOENT");
    return asBytes(data);
  }

  write(path: string, data: Uint8Array): void {
    files.writeFile(this.host.tree, `/sys${path}`, new TextDecoder().decode(data), 0);
  }

  #tell(program: string, module: string): void {
    const { code, stderr } = this.host.commands.get(`/usr/sbin/${program}`)!(this.host, [module], "");
    if (code !== 0) throw kernelError(stderr?.includes("not found") ? "ENOENT" : "ENODEV");
  }

  /** Takes it away; what hangs in it gets an error. */
  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
