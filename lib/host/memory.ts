/**
 * Memory of the host.
 *
 * @module
 */

import type { System } from "../system.ts";

/** What is left. */
export interface Memory {
  /** Memory that programs can get without swapping, in KiB. */
  readonly availableKiB: number;
  /** Size of a huge page where nobody names one, in KiB; 0 where the kernel has none. */
  readonly defaultPageKiB: number;
  /** Memory in huge pages that a guest can get, in KiB, by the size of a page in KiB. */
  readonly hugeKiB: Readonly<Record<number, number>>;
}

/** Reads it. Pages that are promised to a running program do not count; those that the kernel may add on demand do. */
export function readMemory(system: System): Memory {
  const info = system.read("/proc/meminfo") ?? "";
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(info)?.[1] ?? 0);
  const folder = "/sys/kernel/mm/hugepages";
  const sizes = system.list(folder).flatMap((name) => /^hugepages-(\d+)kB$/.exec(name)?.[1] ?? []);
  const free = (size: string): number => {
    const of = (name: string) => Number(system.read(`${folder}/hugepages-${size}kB/${name}`) ?? 0);
    return of("free_hugepages") - of("resv_hugepages") + of("nr_overcommit_hugepages") - of("surplus_hugepages");
  };
  return {
    availableKiB: kib("MemAvailable"),
    defaultPageKiB: kib("Hugepagesize"),
    hugeKiB: Object.fromEntries(sizes.map((size) => [Number(size), free(size) * Number(size)])),
  };
}
