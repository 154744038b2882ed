/**
 * Files that every Linux machine has, beside those of devices, modules and processes.
 *
 * @module
 */

import type { SimulatedHost } from "./host.ts";
import { ELOGIND } from "./init-systems.ts";
import type { Machine } from "./machine.ts";
import { File, Link } from "./tree.ts";

/** Folders that are there, empty or not. */
const FOLDERS = [
  "/run",
  "/tmp",
  "/var/lib",
  "/var/log",
  "/etc/libvirt/hooks",
  "/run/libvirt/network",
  "/sys/class/drm",
  "/sys/class/net",
  "/sys/class/block",
  "/sys/class/sound",
  "/sys/class/input",
  "/sys/class/vfio",
  "/sys/class/vtconsole",
  "/sys/kernel/iommu_groups",
  "/sys/bus/platform/devices",
  "/sys/module",
];

/** Kernel thread that every machine has. */
const KTHREADD = { pid: 2, parent: 0, comm: "kthreadd", cgroup: "/" };

/** A mounted file system as /proc/1/mountinfo has it: source, folder, type. */
type Mount = readonly [source: string, folder: string, type: string];

/** File systems that every machine has. */
const MOUNTS: readonly Mount[] = [
  ["proc", "/proc", "proc"],
  ["sysfs", "/sys", "sysfs"],
  ["tmpfs", "/run", "tmpfs"],
  ["devtmpfs", "/dev", "devtmpfs"],
];

/** Users: root, ann, and those who have sessions. */
function passwd({ sessions = [] }: Machine): string {
  const users = new Map([["ann", 1000], ...sessions.map(({ user, uid }) => [user, uid] as const)]);
  const lines = [...users].map(([name, uid]) => `${name}:x:${uid}:${uid}::/home/${name}:/bin/bash\n`);
  return `root:x:0:0:root:/root:/bin/bash\n${lines.join("")}`;
}

/** The IOMMU and the node of vfio. */
function publishIommu({ machine, tree }: SimulatedHost): void {
  tree.folder("/sys/class/iommu");
  if (!machine.iommu) return;
  tree.folder("/sys/devices/virtual/iommu/dmar0/devices");
  tree.sysLink("/sys/class/iommu/dmar0", "/sys/devices/virtual/iommu/dmar0");
}

/** Huge pages, by their sizes. */
function publishHugepages({ machine, tree }: SimulatedHost): void {
  for (const [size, [total, free]] of Object.entries(machine.hugepages ?? { 2048: [0, 0] })) {
    const values = {
      nr_hugepages: total,
      free_hugepages: free,
      resv_hugepages: 0,
      surplus_hugepages: 0,
      nr_overcommit_hugepages: 0,
    };
    for (const [name, value] of Object.entries(values)) {
      tree.file(`/sys/kernel/mm/hugepages/hugepages-${size}kB/${name}`, `${value}\n`);
      tree.file(`/sys/devices/system/node/node0/hugepages/hugepages-${size}kB/${name}`, `${value}\n`);
    }
  }
}

/** The routes; IPv6 has the same interfaces. */
function publishRoutes({ machine, tree }: SimulatedHost): void {
  const head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
  const ipv4 = (name: string) => `${name}\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n`;
  const ipv6 = (name: string) =>
    `${"0".repeat(32)} 00 ${"0".repeat(32)} 00 fe80000000000000000000000000aaaa 00000400 00000001 00000000 00000003 ${
      name.padStart(8)
    }\n`;
  const there = () => (machine.routes ?? []).filter((name) => tree.find(`/sys/class/net/${name}`) !== undefined);
  tree.put("/proc/net", new Link("1/net"));
  tree.file("/proc/1/net/route", () => head + there().map(ipv4).join(""), 0o444);
  tree.file("/proc/1/net/ipv6_route", () => there().map(ipv6).join(""), 0o444);
}

/** Puts all of that in place. */
export function publishSystem(host: SimulatedHost): void {
  const { machine, tree } = host;
  for (const folder of FOLDERS) tree.folder(folder);
  host.device("/dev/null", 1, 3);
  host.device("/dev/vfio/vfio", 10, 196);
  const [init, ...others] = host.init.processes;
  for (const spec of [init!, KTHREADD, ...others]) host.processes.spawn(spec);
  if (machine.logind === "elogind") {
    host.processes.spawn(ELOGIND);
    tree.folder("/run/systemd/sessions");
  }
  for (const program of host.commands.keys()) tree.put(program, new File("", 0o755));
  tree.file("/etc/passwd", passwd(machine));
  tree.file("/proc/sys/kernel/osrelease", () => `${host.kernel}\n`, 0o444);
  const [total, available] = machine.memoryKiB ?? [32 << 20, 24 << 20];
  tree.file(
    "/proc/meminfo",
    () =>
      `MemTotal:       ${total} kB\nMemFree:        ${available} kB\nMemAvailable:   ${available} kB\nHugepagesize:       2048 kB\n`,
    0o444,
  );
  tree.file("/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n", 0o444);
  const mounts = [...MOUNTS, ...machine.mounts ?? []];
  tree.file(
    "/proc/mounts",
    () => mounts.map(([source, folder, type]) => `${source} ${folder} ${type} rw,relatime 0 0\n`).join(""),
    0o444,
  );
  tree.file("/proc/1/mountinfo", () =>
    mounts.map(([source, folder, type], id) => {
      const node = tree.find(source);
      const device = node?.kind === "other" ? `${node.major}:${node.minor}` : `0:${20 + id}`;
      return `${20 + id} 1 ${device} / ${folder} rw,relatime shared:${id + 1} - ${type} ${source} rw\n`;
    }).join(""), 0o444);
  publishIommu(host);
  publishHugepages(host);
  publishRoutes(host);
  for (const [path, text] of Object.entries({ ...host.init.files, ...machine.files })) {
    if (path.endsWith("/")) tree.folder(path);
    else tree.file(path, text);
  }
  for (const name of machine.networks ?? []) tree.file(`/run/libvirt/network/${name}.xml`, `<networkstatus/>\n`);
}
