// Nothing is granted that no scenario uses: what is unused has to leave deno.json, or gets a scenario here.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { hybridNvidia } from "../simulated/gpu-machines.ts";
import type { Machine } from "../simulated/machine.ts";
import { workstation } from "../simulated/machines.ts";
import { audit, hang, unused } from "./audit.ts";
import { handOverWithInits, INHIBIT, LOGINCTL, putInits, SYSTEMCTL } from "./audit-inits.ts";
import { guest, pci, USB } from "./guest.ts";
import { HOOKS, OWN, TestMachine } from "./machine.ts";
import { until } from "../until.ts";

const NIC = "0000:02:00.0";
const GPU = "0000:01:00.0";
const DISK = "<disk type='file'><source file='/tmp/disk.img'/><target dev='hda'/></disk>";

/** Steps run at the same time. */
const RELAXED = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };

/** XML of a guest for programs that are called by hand: libvirt always has given it a UUID. */
const XML = guest("win", pci(GPU) + DISK).replace("<name>", "<uuid>1b4e28ba-2fa1-11d2-883f-0016d3cca427</uuid><name>");

/** A machine under audit. */
async function audited(...up: Parameters<typeof TestMachine.up>): Promise<TestMachine> {
  const machine = await TestMachine.up(...up);
  await audit(machine);
  machine.ns.write("/tmp/disk.img", "");
  return machine;
}

/** Lives of guests: all goes well, modules are loaded, files are looked at, scripts run. */
async function lives(machine: TestMachine): Promise<void> {
  machine.noteEvents("win");
  assertEquals((await machine.create(guest("win", pci(GPU) + pci(NIC) + DISK))).stderr, "");
  machine.host.modules.unload("e1000e");
  machine.host.fault({ name: "return-needs-rescan", at: GPU });
  await machine.must("destroy", "win");
  machine.host.heal();
  assertEquals(machine.changed, {}, machine.log);
  assertEquals(machine.events.length, 5);
  assertEquals((await machine.create(guest("plain"))).code, 0);

  machine.host.fault({ name: "bind-fails", at: NIC });
  machine.host.fault({ name: "return-needs-rescan", at: NIC });
  assertStringIncludes((await machine.create(guest("nic", pci(NIC)))).stderr, "everything was put back");
}

/** Faults: a function that stays open at release, and does not come back until somebody calls recover. */
async function faults(machine: TestMachine): Promise<void> {
  const { host } = machine;
  const own = (...args: string[]) => machine.ns.run(`${OWN}/virt-aid`, ...args);
  assertEquals((await machine.create(guest("win", pci(GPU) + pci(NIC)))).stderr, "");
  const user = host.processes.spawn({ comm: "user", args: ["user"] });
  host.processes.open(user, "/dev/vfio/13", `vfio ${GPU}`);
  await machine.must("destroy", "win");
  await machine.unattended("/usr/local/lib/audited");
  assertEquals((await own("recover")).code, 1);
  host.processes.end(user, 0);
  host.modules.unload("nouveau");
  host.fault({ name: "return-needs-rescan", at: GPU });
  assertEquals((await own("recover")).stderr, "");
  host.heal();
  assertEquals(machine.changed, {}, machine.log);

  machine.ns.write("/tmp/win.xml", XML);
  await machine.must("define", "/tmp/win.xml");
  for (const what of ["win", "/tmp/win.xml"]) {
    const { stdout, stderr } = await own("plan", what);
    assertStringIncludes(stdout, `bind ${GPU} to vfio-pci`, stderr);
  }

  // a guest that libvirt has not released, and no libvirt that could
  assertEquals((await machine.create(guest("gone", pci(NIC)))).stderr, "");
  const qemu = Number(machine.ns.read("/run/libvirt/qemu/gone.pid"));
  await machine.stopLibvirtd("KILL");
  await machine.ns.signal("KILL", qemu);
  await until("the end of QEMU", () => !machine.ns.has(`/proc/${qemu}`));
  assertStringIncludes((await own("recover")).stdout, "gone: recovered");
  assertEquals(machine.changed, {}, machine.log);
}

/** Programs that hang: each of ours kills what it waits for. */
async function hangs(machine: TestMachine): Promise<void> {
  const { host, ns } = machine;
  const restore = () => ns.bash("umount /run/virt-aid/proc");
  // the dispatcher kills started-begin, whose function does not answer
  machine.script("qemu.d/win/start/begin", "touch /run/before; until [ -e /run/after ]; do sleep 0.02; done");
  const start = machine.create(guest("win", pci(GPU)));
  await until("start", () => ns.has("/run/before"));
  host.pci.at(GPU).stuck = true;
  ns.write("/run/after", "");
  assertEquals((await start).stderr, "");
  host.pci.at(GPU).stuck = false;
  machine.sysfs!.settle();
  assertStringIncludes(machine.log, "started-begin did not end within 10 s and was killed");
  // release, started, operator and prepare kill a mount
  await restore();
  await hang(machine, "mount", true);
  await machine.must("destroy", "win");
  await machine.unattended("/usr/local/lib/audited");
  assertEquals((await machine.create(guest("usb", USB))).stderr, "");
  assertEquals((await machine.create(guest("nic", pci(NIC)))).code, 1);
  await hang(machine, "mount", false);
  await ns.run(`${OWN}/virt-aid`, "recover");
  assertEquals(machine.journals, []);
}

/** The calls of the phases. */
const CALLS = [
  "prepare-begin win prepare begin -",
  "started-begin win started begin -",
  "release-end win release end -",
];

/** On a machine that has nothing yet, each program makes the folders and mounts the views. */
async function first({ ns }: TestMachine): Promise<void> {
  ns.write("/tmp/win.xml", XML);
  for (const call of [...CALLS, "virt-aid recover"]) {
    await ns.run("/bin/bash", "-c", `${OWN}/${call} </tmp/win.xml`);
    assert(ns.has("/run/virt-aid/sys/kernel"), call);
    await ns.bash("umount /run/virt-aid/proc /run/virt-aid/sys; rm -r /run/virt-aid");
  }
  await ns.run(`${HOOKS}/qemu`, "--help");
}

/** ZFS on a disk, and a process that may not be looked into, as one with a profile of AppArmor. */
async function hidden(machine: TestMachine): Promise<void> {
  const { host, ns } = machine;
  ns.write("/tmp/win.xml", XML);
  const secret = ns.spawn(["/usr/bin/setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/sleep", "1000"]);
  await until("sleep", async () => (await ns.pidsOf("/usr/bin/sleep")).length > 0);
  const [disk] = host.pci.at("0000:04:00.0").spec.blocks!;
  ns.write(
    `/run/udev/data/b${host.tree.texts("/sys/class/block")[`/sys/class/block/${disk!.name}/dev`] ?? "259:0"}`,
    "",
  );
  await ns.bash(`mkdir -p /run/virt-aid/proc/{self,spl/kstat/zfs/tank}; cd /run/virt-aid/proc
    echo ONLINE >spl/kstat/zfs/tank/state
    for name in sys bus net 1 $(pidof sleep); do mkdir $name; mount --bind /proc/$name $name; done
    for name in meminfo swaps; do touch $name; mount --bind /proc/$name $name; done`);
  const blind = "/usr/bin/setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace --";
  const call = (what: string) => ns.run("/bin/bash", "-c", `${what} </tmp/win.xml`);
  const refused = /may be held by sleep .*which cannot be looked into/;
  assertMatch((await call(`${blind} ${OWN}/${CALLS[0]}`)).stderr, refused);
  assertMatch((await call(`${blind} ${OWN}/virt-aid plan /tmp/win.xml`)).stdout, refused);
  assertEquals((await call(`${OWN}/${CALLS[0]}`)).stderr, "");
  host.processes.open(host.processes.spawn({ comm: "user", args: ["user"] }), "/dev/vfio/13", `vfio ${GPU}`);
  assertMatch((await call(`${blind} ${OWN}/${CALLS[2]}`)).stderr, /is still open in/);
  await ns.bash("/usr/bin/kill -KILL $(pidof sleep)");
  await secret.status;
}

/** A desktop on NVIDIA's card, and the firmware's picture below it: it goes and comes back in all ways that there are. */
async function desktop(machine: TestMachine): Promise<void> {
  const { host, ns } = machine;
  await ns.bash("mkdir -p /run/systemd/{system,sessions} /dev/dri; mknod -m 666 /dev/dri/card1 c 1 3");
  ns.write("/usr/bin/systemctl", SYSTEMCTL, 0o755);
  ns.write("/usr/bin/loginctl", LOGINCTL, 0o755);
  ns.write("/usr/bin/systemd-inhibit", INHIBIT, 0o755);
  await audit(machine);
  /** The display manager has not come up yet; then something happens. */
  const starting = async <T>(happen: () => Promise<T>): Promise<T> => {
    await ns.run("/bin/rm", "-f", "/run/gdm");
    return await happen();
  };
  const create = () => starting(() => machine.create(guest("win", pci(GPU))));
  assertEquals((await create()).stderr, "");
  await machine.must("destroy", "win");
  assertEquals(machine.changed, {}, machine.log);

  // somebody has started a compositor on a text console, as it looks to those who read its control group
  await ns.bash("cp /usr/bin/sleep /tmp/weston; echo 0::/user.slice/user-1000.slice/session-1.scope >/tmp/cgroup");
  const compositor = ns.spawn(["/bin/bash", "-c", "exec /tmp/weston 1000 3</dev/dri/card1"]);
  await until("the compositor", async () => (await ns.pidsOf("/tmp/weston")).length > 0);
  await ns.bash("mount --bind /tmp/cgroup /run/virt-aid/proc/$(pidof weston)/cgroup");
  host.fault({ name: "bind-fails", at: GPU });
  assertStringIncludes((await create()).stderr, "everything was put back");
  assertStringIncludes(machine.log, "end session 1 of ann");
  await compositor.status;
  host.heal();

  // nobody calls release
  assertEquals((await create()).stderr, "");
  const qemu = Number(ns.read("/run/libvirt/qemu/win.pid"));
  await machine.stopLibvirtd("KILL");
  await ns.signal("KILL", qemu);
  await until("the end of QEMU", () => !ns.has(`/proc/${qemu}`));
  assertStringIncludes((await ns.run(`${OWN}/virt-aid`, "recover")).stdout, "win: recovered");
  assertEquals(machine.changed, {}, machine.log);
  ns.write("/tmp/win.xml", XML.replace(DISK, ""));
  const plan = await starting(() => ns.run(`${OWN}/virt-aid`, "plan", "/tmp/win.xml"));
  assertStringIncludes(plan.stdout, "stop gdm.service");
}

/** Hosts without systemd, with elogind. */
async function inits(machine: TestMachine): Promise<void> {
  const { ns } = machine;
  await ns.bash("mkdir -p /run/systemd/sessions /dev/dri; mknod -m 666 /dev/dri/card1 c 1 3");
  ns.write("/usr/bin/loginctl", LOGINCTL, 0o755);
  ns.write("/usr/bin/elogind-inhibit", INHIBIT, 0o755);
  putInits(machine);
  await audit(machine);
  await handOverWithInits(machine, GPU);
}

/**
 * The text console is on the firmware's picture on a card of NVIDIA's that is no VGA card: vfio-pci leaves it alone there. A
 * second frame buffer stays, so that the console does not come back by itself.
 */
const NVIDIA: Machine = {
  ...hybridNvidia,
  units: [],
  functions: hybridNvidia.functions.map((fn) => {
    if (fn.address === GPU) return { ...fn, class: "0x030200", firmware: "efi-framebuffer" };
    return fn.drm ? { ...fn, firmware: undefined, drm: { ...fn.drm, fb: 1 } } : fn;
  }),
};

Deno.test("no set of permissions has an entry that nothing uses", { ...RELAXED }, async (t) => {
  await using one = await audited(workstation);
  await using two = await audited(workstation);
  await using three = await audited(workstation);
  await using four = await audited();
  await using five = await audited(workstation);
  await using six = await TestMachine.up(NVIDIA);
  await using seven = await TestMachine.up(NVIDIA);
  const machines = [
    ...[[lives, one], [faults, two], [hangs, three], [first, four], [hidden, five]] as const,
    ...[[desktop, six], [inits, seven]] as const,
  ];
  const step = ([scenario, machine]: typeof machines[number]) =>
    t.step({ name: scenario.name, fn: () => scenario(machine), ...RELAXED });
  assertEquals(await Promise.all(machines.map(step)), machines.map(() => true));
  assertEquals(unused(machines.map(([, machine]) => machine)), []);
});
