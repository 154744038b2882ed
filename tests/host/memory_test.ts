import { assertEquals } from "@std/assert";
import { readMemory } from "../../lib/host/memory.ts";
import { hostOf, on } from "../on-host.ts";
import { server, workstation } from "../simulated/machines.ts";

Deno.test("memory that is available, and what is free in huge pages of each size", async () => {
  assertEquals(await on(hostOf(server), readMemory), {
    availableKiB: 100 << 20,
    defaultPageKiB: 2048,
    hugeKiB: { 2048: 4096 * 2048, 1048576: 8 * 1048576 },
  });
  assertEquals((await on(hostOf(workstation), readMemory)).hugeKiB, { 2048: 0 });
});

Deno.test("pages that are promised do not count, those that may be added do, those added already do not again", async () => {
  const host = hostOf(server);
  const set = (name: string, value: number) =>
    host.tree.file(`/sys/kernel/mm/hugepages/hugepages-1048576kB/${name}`, `${value}\n`);
  const gib = async () => (await on(host, readMemory)).hugeKiB[1048576]! / 1048576;
  set("resv_hugepages", 3);
  assertEquals(await gib(), 5);
  set("nr_overcommit_hugepages", 4);
  assertEquals(await gib(), 9);
  set("surplus_hugepages", 1);
  assertEquals(await gib(), 8);
});

Deno.test("a kernel without huge pages", async () => {
  const host = hostOf();
  host.tree.drop("/sys/kernel/mm/hugepages");
  host.tree.file("/proc/meminfo", "MemTotal: 100 kB\nMemAvailable:   50 kB\n");
  assertEquals(await on(host, readMemory), { availableKiB: 50, defaultPageKiB: 0, hugeKiB: {} });
});
