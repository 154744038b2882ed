import { assertEquals } from "@std/assert";
import { defaultRoutes, keyboards, mountedDisks, type Use } from "../../lib/host/uses.ts";
import { hostOf, on } from "../on-host.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { server, workstation } from "../simulated/machines.ts";

const NVME = "0000:04:00.0";
const NODE = "/sys/class/block/nvme0n1p2";

/** What a host says, without bridges. */
async function uses(read: typeof keyboards, change: (host: SimulatedHost) => void = () => {}, machine = workstation) {
  const host = hostOf(machine);
  change(host);
  const bridges = machine.functions.filter((fn) => fn.class.startsWith("0x06")).map((fn) => fn.address);
  return (await on<Use[]>(host, read)).map(({ what, through }) =>
    [what, ...through.filter((it) => !bridges.includes(it))].join(" ")
  );
}

/** Mounts a source, of the number of its node or of none. */
function mount(host: SimulatedHost, source: string, folder: string, number = "0:50"): void {
  host.tree.file("/proc/1/mountinfo", `40 1 ${number} / ${folder} rw shared:1 - ext4 ${source} rw\n`);
}

/** A block device that is no PCI function's, on others. */
function stack(host: SimulatedHost, name: string, ...slaves: string[]): void {
  host.tree.folder(`/sys/devices/virtual/block/${name}`);
  host.tree.sysLink(`/sys/class/block/${name}`, `/sys/devices/virtual/block/${name}`);
  for (const slave of slaves) {
    host.tree.sysLink(`/sys/class/block/${name}/slaves/${slave}`, `/sys/class/block/${slave}`);
  }
}

Deno.test("disks: what is mounted, and the function that it is on", async () => {
  assertEquals(await uses(mountedDisks), [`/ ${NVME}`, `/boot/efi ${NVME}`]);
});

const DISKS: readonly [what: string, found: string, change: (host: SimulatedHost) => void][] = [
  ["a volume of the device mapper by its name", `/data ${NVME}`, (host) => {
    stack(host, "dm-0", "nvme0n1p2");
    host.tree.file("/sys/class/block/dm-0/dm/name", "vg-data\n");
    mount(host, "/dev/mapper/vg-data", "/data");
  }],
  ["a volume on a volume", `/data ${NVME}`, (host) => {
    stack(host, "dm-0", "nvme0n1p2");
    stack(host, "md0", "dm-0");
    mount(host, "/dev/md0", "/data");
  }],
  ["a disk by its number, whatever its source is called", `/ ${NVME}`, (host) => {
    const node = host.tree.find("/dev/nvme0n1p2");
    if (node?.kind === "other") mount(host, "/dev/root", "/", `${node.major}:${node.minor}`);
  }],
  ["swap", `swap ${NVME}`, (host) => {
    mount(host, "tmpfs", "/run");
    host.tree.file("/proc/swaps", "Filename Type\n/dev/nvme0n1p2\tpartition\t1\t0\t-2\n/swapfile file 1 0 -3\n");
  }],
  ["a further disk of a btrfs", `btrfs 77-88 ${NVME}`, (host) => {
    mount(host, "tmpfs", "/run");
    host.tree.folder("/sys/fs/btrfs/features");
    host.tree.sysLink("/sys/fs/btrfs/77-88/devices/nvme0n1p2", NODE);
  }],
  ["a disk that RAID or LVM holds without a mount", `md0 ${NVME}`, (host) => {
    mount(host, "tmpfs", "/run");
    host.tree.folder(`${NODE}/holders/md0`);
  }],
  ["a disk of a ZFS pool", `ZFS pool (tank) ${NVME}`, (host) => {
    mount(host, "tank/home", "/home");
    host.tree.file("/proc/spl/kstat/zfs/tank/state", "ONLINE\n");
    host.tree.file("/proc/spl/kstat/zfs/arcstats", "");
    const number = host.tree.texts(NODE)[`${NODE}/dev`]!.trim();
    host.tree.file(`/run/udev/data/b${number}`, "E:ID_FS_TYPE=zfs_member\n");
  }],
];

for (const [what, found, change] of DISKS) {
  Deno.test(`disks: ${what}`, async () => assertEquals(await uses(mountedDisks, change), [found]));
}

Deno.test("disks: what is none", async () => {
  const none: ((host: SimulatedHost) => void)[] = [
    (host) => mount(host, "tank/home", "/home"),
    (host) => {
      mount(host, "server:/export", "/mnt");
      const number = host.tree.texts(NODE)[`${NODE}/dev`]!.trim();
      host.tree.file(`/run/udev/data/b${number}`, "E:ID_FS_TYPE=zfs_member\n"); // a pool that is not imported
    },
    (host) => host.tree.file("/proc/1/mountinfo", "\nnonsense\n"),
  ];
  for (const change of none) assertEquals(await uses(mountedDisks, change), []);
  const loop = (host: SimulatedHost) => {
    stack(host, "loop0");
    mount(host, "/dev/loop0", "/snap/core");
  };
  assertEquals(await uses(mountedDisks, loop), ["/snap/core"], "on no function");
});

Deno.test("routes: the devices of default routes, of IPv4 and IPv6, each once", async () => {
  assertEquals(await uses(defaultRoutes), ["enp3s0 0000:03:00.0"]);
  assertEquals(await uses(defaultRoutes, undefined, server), ["ens3f1 0000:03:00.1"]);
  assertEquals(await uses(defaultRoutes, (host) => host.tree.file("/proc/1/net/route", "")), ["enp3s0 0000:03:00.0"]);
  assertEquals(await uses(defaultRoutes, undefined, { ...workstation, routes: [] }), []);
});

Deno.test("routes: through a bridge or bond to the cards below it, and through what is no card", async () => {
  const route = (host: SimulatedHost, name: string, flags = "0003", to = "00000000") => {
    host.tree.file("/proc/1/net/ipv6_route", "");
    host.tree.file("/proc/1/net/route", `Iface\n${name}\t${to}\t0101A8C0\t${flags}\t0\t0\t0\t00000000\n`);
    host.tree.sysLink(`/sys/class/net/${name}`, `/sys/devices/virtual/net/${name}`);
  };
  const bridge = (host: SimulatedHost) => {
    route(host, "br0");
    host.tree.sysLink("/sys/class/net/br0/lower_bond0", "/sys/class/net/bond0");
    host.tree.sysLink("/sys/class/net/bond0", "/sys/devices/virtual/net/bond0");
    for (const port of ["enp2s0", "enp3s0"]) {
      host.tree.sysLink(`/sys/class/net/bond0/lower_${port}`, `/sys/class/net/${port}`);
    }
  };
  assertEquals(await uses(defaultRoutes, bridge), ["br0 0000:02:00.0 0000:03:00.0"]);
  assertEquals(await uses(defaultRoutes, (host) => route(host, "wg0")), ["wg0"]);
  assertEquals(await uses(defaultRoutes, (host) => route(host, "wg0", "0002")), [], "a route that is down");
  assertEquals(await uses(defaultRoutes, (host) => route(host, "wg0", "0003", "0001A8C0")), [], "a route to one net");
});

Deno.test("keyboards: input devices with keys and lights, and their controllers", async () => {
  assertEquals(await uses(keyboards), ["Logitech USB Keyboard 0000:00:14.0"]);
  const button = `N: Name="Power Button"\nS: Sysfs=/devices/LNXSYSTM:00/input/input0\nH: Handlers=kbd event0\n\n`;
  const laptop =
    `N: Name="AT Keyboard"\nS: Sysfs=/devices/platform/i8042/serio0/input/input1\nH: Handlers=sysrq kbd leds event1\n`;
  const change = (host: SimulatedHost) => void host.tree.file("/proc/bus/input/devices", button + laptop);
  assertEquals(await uses(keyboards, change), ["AT Keyboard"], "on no function");
});

Deno.test("keyboards: one that a remapper has made is none, one over Bluetooth is", async () => {
  const block = (name: string, place: string) =>
    `N: Name="${name}"\nS: Sysfs=${place}\nH: Handlers=sysrq kbd leds event9\n\n`;
  const text = block("keyd virtual keyboard", "/devices/virtual/input/input9") +
    block("Bluetooth Keyboard", "/devices/virtual/misc/uhid/0005:046D:B35B.0001/input/input10");
  const change = (host: SimulatedHost) => void host.tree.file("/proc/bus/input/devices", text);
  assertEquals(await uses(keyboards, change), ["Bluetooth Keyboard"]);
});
