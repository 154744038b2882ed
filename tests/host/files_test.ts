import { assertEquals } from "@std/assert";
import { fileStates } from "../../lib/host/files.ts";
import { hostOf, on } from "../on-host.ts";
import { Hung } from "../simulated/errno.ts";
import { Link } from "../simulated/tree.ts";

const FILES = ["/var/lib/disk.qcow2", "/dev/null", "/nothing", "/var/lib/link", "/var/lib/broken", "--help", "/a b\n*"];

Deno.test("files are present or missing; a link counts for what it leads to, a name is never an option", async () => {
  const host = hostOf();
  host.tree.file("/var/lib/disk.qcow2", "");
  host.tree.file("/a b\n*", "");
  host.tree.put("/var/lib/link", new Link("disk.qcow2"));
  host.tree.put("/var/lib/broken", new Link("gone"));
  assertEquals(await on(host, (system) => fileStates(system, FILES)), {
    "/var/lib/disk.qcow2": "present",
    "/dev/null": "present",
    "/nothing": "missing",
    "/var/lib/link": "present",
    "/var/lib/broken": "missing",
    "--help": "missing",
    "/a b\n*": "present",
  });
});

Deno.test("a file server that does not answer, and a host without stat(1): unknown, after a few seconds at most", async () => {
  const hangs = hostOf();
  hangs.commands.set("/usr/bin/stat", () => {
    throw new Hung("the file server");
  });
  const without = hostOf();
  without.commands.delete("/usr/bin/stat");
  for (const host of [hangs, without]) {
    assertEquals(await on(host, (system) => fileStates(system, ["/nfs/disk"])), { "/nfs/disk": "unknown" });
    assertEquals(host.clock.now < 4_000, true);
  }
});

Deno.test("no files, no program", async () => {
  const host = hostOf();
  host.commands.set("/usr/bin/stat", () => {
    throw new Error("asked");
  });
  assertEquals(await on(host, (system) => fileStates(system, [])), {});
});
