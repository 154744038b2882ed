/**
 * What the host itself needs functions for: mounted disks, the way to the network, keyboards.
 *
 * @module
 */

import { basename } from "@std/path/posix";
import type { System } from "../system.ts";

/** Something of the host's that goes through some functions. */
export interface Use {
  /** What it is: `/home`, `eth0`, `Dell Keyboard`. */
  readonly what: string;
  /** The functions on its way, bridges included; none for one that is on no PCI function. */
  readonly through: readonly string[];
}

/** PCI addresses in a path of sysfs. */
function addressesIn(path: string): string[] {
  return path.match(/[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?=\/|$)/g) ?? [];
}

/** Functions that a device of a class lies on, those of the devices below it (`slaves`, `lower_eth0`) included. */
function through(
  system: System,
  folder: string,
  below: (folder: string) => string[],
  seen = new Set<string>(),
): string[] {
  if (seen.has(folder)) return [];
  seen.add(folder);
  return [
    ...addressesIn(system.link(folder) ?? ""),
    ...below(folder).flatMap((other) => through(system, other, below, seen)),
  ];
}

/** Functions under a block device; one with device mapper on it has its own name there, which is not the kernel's. */
function underBlock(system: System, name: string): string[] {
  const blocks = "/sys/class/block";
  const mapped = () => system.list(blocks).find((block) => system.read(`${blocks}/${block}/dm/name`)?.trim() === name);
  const block = system.link(`${blocks}/${name}`) === undefined ? mapped() : name;
  return through(
    system,
    `${blocks}/${block}`,
    (folder) => system.list(`${folder}/slaves`).map((slave) => `${blocks}/${slave}`),
  );
}

/** Block devices of mounted file systems and swap, by what they are mounted at. */
function mounted(system: System): { what: string; name: string }[] {
  const mounts = (system.read("/proc/1/mountinfo") ?? "").split("\n").flatMap((line) => {
    const [, , number, , target] = line.split(" ");
    const source = line.split(" - ")[1]?.split(" ")[1];
    if (!number || !target || !source?.startsWith("/dev/")) return [];
    // btrfs gives a number that is no device's; the source is one then
    const link = system.link(`/sys/dev/block/${number}`);
    return [{ what: target, name: basename(link ?? source) }];
  });
  const swaps = (system.read("/proc/swaps") ?? "").split("\n").flatMap((line) => {
    const [file] = line.split(/\s+/);
    return file?.startsWith("/dev/") ? [{ what: "swap", name: basename(file) }] : [];
  });
  return [...mounts, ...swaps];
}

/** Block devices that carry something which names none of them as its source: further disks of a btrfs, RAID and LVM, ZFS. */
function stacked(system: System): { what: string; name: string }[] {
  const btrfs = system.list("/sys/fs/btrfs").flatMap((id) =>
    system.list(`/sys/fs/btrfs/${id}/devices`).map((name) => ({ what: `btrfs ${id}`, name }))
  );
  const pools = system.list("/proc/spl/kstat/zfs").filter((name) => system.info(`/proc/spl/kstat/zfs/${name}/state`));
  const blocks = system.list("/sys/class/block").flatMap((name) => {
    const [above] = system.list(`/sys/class/block/${name}/holders`);
    if (above !== undefined) return [{ what: above, name }];
    // which pool a disk belongs to stands nowhere in sysfs; udev knows that it belongs to one
    const number = pools.length > 0 ? system.read(`/sys/class/block/${name}/dev`)?.trim() : undefined;
    const member = number !== undefined &&
      system.read(`/run/udev/data/b${number}`)?.includes("E:ID_FS_TYPE=zfs_member");
    return member ? [{ what: `ZFS pool (${pools.join(", ")})`, name }] : [];
  });
  return [...btrfs, ...blocks];
}

/** Mounted file systems, swap, and what lies below volumes, with the functions that their disks are on. */
export function mountedDisks(system: System): Use[] {
  return [...mounted(system), ...stacked(system)].map(({ what, name }) => ({
    what,
    through: underBlock(system, name),
  }));
}

/** Network devices that a default route goes through, with the functions that they are on. */
export function defaultRoutes(system: System): Use[] {
  const v4 = (system.read("/proc/1/net/route") ?? "").split("\n").slice(1).map((line) => line.split("\t"))
    .flatMap(([device, destination, , flags]) =>
      device && destination === "00000000" && parseInt(flags ?? "0", 16) & 1 ? [device] : []
    );
  const v6 = (system.read("/proc/1/net/ipv6_route") ?? "").split("\n").map((line) => line.trim().split(/\s+/))
    .flatMap(([destination, prefix, , , , , , , , device]) =>
      device && device !== "lo" && /^0+$/.test(destination ?? "") && prefix === "00" ? [device] : []
    );
  return [...new Set([...v4, ...v6])].map((device) => ({
    what: device,
    through: through(
      system,
      `/sys/class/net/${device}`,
      (folder) =>
        system.list(folder).filter((name) => name.startsWith("lower_")).map((name) =>
          `/sys/class/net/${name.slice(6)}`
        ),
    ),
  }));
}

/** Keyboards of the host: input devices with keys and lights (a power button has keys alone). */
export function keyboards(system: System): Use[] {
  return (system.read("/proc/bus/input/devices") ?? "").split("\n\n").flatMap((block) => {
    const handlers = /^H: Handlers=(.*)$/m.exec(block)?.[1]?.split(" ") ?? [];
    if (!handlers.includes("kbd") || !handlers.includes("leds")) return [];
    const what = /^N: Name="(.*)"$/m.exec(block)?.[1] ?? "keyboard";
    const place = /^S: Sysfs=(.*)$/m.exec(block)?.[1] ?? "";
    // one that a program has made, such as a remapper, is gone with the real one that feeds it
    return place.startsWith("/devices/virtual/input/") ? [] : [{ what, through: addressesIn(place) }];
  });
}
