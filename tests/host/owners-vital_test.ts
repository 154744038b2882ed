/** What belongs to a guest or to the host itself, whatever its control group: nothing ends that. */

import { assertEquals } from "@std/assert";
import { DEFAULT_CONFIG } from "../../lib/config.ts";
import { ownerName, ownerOf, stays } from "../../lib/host/owners.ts";
import { factsOf, hostOf, on } from "../on-host.ts";
import { singleGpu } from "../simulated/gpu-machines.ts";
import { withInit } from "../simulated/inits.ts";
import type { ProcessSpec } from "../simulated/machine.ts";

const CARD = "0000:03:00.0";
const UUID = "11111111-2222-3333-4444-555555555555";
const qemu = {
  comm: "qemu-system-x86",
  args: ["/usr/bin/qemu-system-x86_64", "-name", "guest=linux", "-uuid", UUID],
  uid: 64055,
};
const OLLAMA = { comm: "ollama", args: ["ollama"], uid: 0, cgroup: "/" };

/** What a process belongs to, and whether it stays. */
async function ownerOfOne(spec: ProcessSpec): Promise<readonly [name: string, stays: boolean]> {
  const host = hostOf();
  const pid = host.processes.all.has(spec.pid ?? 0) ? spec.pid! : host.processes.spawn(spec).pid;
  return await on(host, (system) => [ownerName(ownerOf(system, pid)), stays(ownerOf(system, pid))]);
}

Deno.test("owner: a QEMU with a UUID is a guest; other programs with such an argument are none", async () => {
  for (const cgroup of ["/", "/openrc.libvirtd", "/system.slice/libvirtd.service"]) {
    assertEquals(await ownerOfOne({ ...qemu, cgroup }), ["a guest", true]);
  }
  const wrapped = { ...qemu, comm: "renamed", args: ["/opt/bin/.qemu-kvm-wrapped", "-uuid", UUID], cgroup: "/" };
  assertEquals(await ownerOfOne(wrapped), ["a guest", true]);
  for (const args of [["/usr/bin/tune2fs", "-uuid", UUID], ["qemu-img", "-uuid", "x"], ["qemu-system-x86_64", UUID]]) {
    const other = { comm: "other", args, cgroup: "/" };
    assertEquals(await ownerOfOne(other), ["no session and no service", false]);
  }
});

Deno.test("owner: what the host hangs on; other users' programs of these names are ordinary ones", async () => {
  const daemons = ["libvirtd", "virtqemud", "virtlogd", "virtiofsd", "udevd", "systemd-udevd", "(udev-worker)"];
  for (const comm of daemons) {
    const daemon = { comm, args: [comm], cgroup: "/" };
    assertEquals(await ownerOfOne(daemon), ["the host itself", true], comm);
    assertEquals(await ownerOfOne({ ...daemon, uid: 1000 }), ["no session and no service", false], comm);
  }
  for (const comm of ["elogind", "elogind-daemon", "systemd-logind"]) {
    assertEquals(await ownerOfOne({ comm, args: [comm], cgroup: "/openrc.dbus" }), [comm, true]);
  }
  assertEquals(await ownerOfOne({ pid: 1, comm: "systemd" }), ["init.scope", true]);
});

Deno.test("owner: the system's message bus is the host's, users' are not", async () => {
  const bus = (...args: readonly string[]) => ownerOfOne({ comm: "dbus-daemon", args, uid: 81, cgroup: "/" });
  assertEquals(await bus("dbus-daemon", "--system", "--nofork"), ["the host itself", true]);
  assertEquals(await bus("dbus-daemon", "--session"), ["no session and no service", false]);
  for (const scope of ["system", "user"]) {
    const host = hostOf();
    const args = ["/usr/bin/dbus-broker-launch", "--scope", scope, "--audit"];
    const parent = host.processes.spawn({ comm: "dbus-broker-lau", args, cgroup: "/" }).pid;
    const { pid } = host.processes.spawn({
      comm: "dbus-broker",
      args: ["dbus-broker", "--log", "4"],
      parent,
      cgroup: "/",
    });
    assertEquals(await on(host, (system) => ownerOf(system, pid).kind), scope === "system" ? "host" : "none");
  }
});

Deno.test("owner: pid 1 that has no unit, as on runit", async () => {
  const host = hostOf(withInit(singleGpu, "runit", "startx", CARD));
  assertEquals(await on(host, (system) => ownerOf(system, 1)), { kind: "host" });
});

for (const program of ["/etc/libvirt/hooks/virt-aid/prepare-begin", "/etc/libvirt/hooks/virt-aid/virt-aid"]) {
  Deno.test(`owner: what a hook comes from is the host's, what a person looks from is not: ${program}`, async () => {
    const host = hostOf();
    const parent = host.processes.spawn({ comm: "bash", args: ["bash"], cgroup: "/" }).pid;
    let kind = "";
    const main = host.start((system) => {
      kind = ownerOf(system, parent).kind;
      return Promise.resolve(0);
    }, { program, parent });
    await main.ended;
    assertEquals(kind, program.endsWith("/virt-aid") ? "none" : "host");
  });
}

Deno.test("holders='terminate' ends neither another guest nor the host's daemons, but what is neither", async () => {
  const config = { ...DEFAULT_CONFIG, desktop: { ...DEFAULT_CONFIG.desktop, holders: "terminate" as const } };
  const open = ["/dev/dri/renderD128"];
  const { leave } = await factsOf({ pci: [CARD] }, withInit(singleGpu, "OpenRC", "lightdm", CARD), config, (host) => {
    host.processes.spawn({ ...qemu, pid: 777, open, cgroup: "/machine/qemu-2-linux.libvirt-qemu/emulator" });
    host.processes.spawn({ pid: 778, comm: "virtqemud", args: ["virtqemud"], open, cgroup: "/openrc.virtqemud" });
    host.processes.spawn({ ...OLLAMA, pid: 779, open });
    host.processes.open(host.processes.all.get(1)!, "/dev/dri/renderD128");
  });
  assertEquals(leave.staying.map(({ holder }) => holder.pid), [1, 777, 778]);
  assertEquals(leave.processes.map(({ pid }) => pid), [779]);
});
