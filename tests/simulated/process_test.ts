/** Processes, time, locks and programs of the simulated host. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Command } from "../../lib/system.ts";
import { SimulatedHost } from "./host.ts";
import { workstation } from "./machines.ts";
import { on } from "./on.ts";
import { Link } from "./tree.ts";

const HOOKS = "/etc/libvirt/hooks/virt-aid";

const text = (data: Uint8Array) => new TextDecoder().decode(data);
const command = (program: string, args: string[], more: Partial<Command> = {}): Command => (
  { program, args, timeoutMs: 1_000, ...more }
);

Deno.test("time: a wait costs virtual time alone, and what is due happens meanwhile", async () => {
  const host = new SimulatedHost(workstation);
  const began = performance.now();
  await on(host, async (system) => {
    const start = system.now();
    assertEquals(await system.until(() => false, 3_600_000), undefined);
    assert(system.now() - start >= 3_600_000);
    host.after(100, () => host.tree.file("/run/there", "yes"));
    const later = system.now();
    assertEquals(await system.until(() => system.read("/run/there"), 5_000, 10), "yes");
    assert(system.now() - later < 120);
    await assertRejects(() => system.until(() => system.read("/run"), 100), Deno.errors.IsADirectory);
  });
  assert(performance.now() - began < 5_000);
});

Deno.test("files: what Deno answers for the kernel", async () => {
  const host = new SimulatedHost(workstation);
  host.tree.put("/run/a", new Link("b"));
  host.tree.put("/run/b", new Link("/run/a"));
  await on(host, (system) => {
    assertThrows(() => system.read("/run/a"), Deno.errors.FilesystemLoop);
    assertEquals([system.read("/nothing"), system.read("/etc/passwd/x"), system.list("/nothing")], [
      undefined,
      undefined,
      [],
    ]);
    assertThrows(() => system.read("/etc"), Deno.errors.IsADirectory);
    assertThrows(() => system.save("/nothing/x", ""), Deno.errors.NotFound);
    system.makeFolder("/run/new/er");
    system.append("/run/new/er/log", "1");
    system.append("/run/new/er/log", "2");
    system.move("/run/new/er/log", "/run/log");
    assertEquals([system.read("/run/log"), system.list("/run/new/er")], ["12", []]);
    assertEquals(system.info("/run/new")?.mode, 0o700);
    assertEquals(system.info("/dev/null")?.kind, "other");
    system.remove("/run/log");
    system.remove("/run/log");
    assertEquals(system.info("/run/log"), undefined);
  });
  await on(host, (system) => assertThrows(() => system.save("/run/x", ""), Deno.errors.PermissionDenied), 1000);
});

Deno.test("locks: wait, time out, are given back by a killed process, and hold for the file and not its name", async () => {
  const host = new SimulatedHost(workstation);
  const holder = host.start(async (system) => {
    await system.lock("/run/lock", 0);
    await system.until(() => false, 10_000);
    return 0;
  }, { program: "/usr/bin/holder" });
  await on(host, async (system) => {
    assertEquals(await system.until(() => host.locks.holders().includes(holder.pid), 1_000), true);
    assertEquals(system.read("/run/lock"), `${holder.pid}\n`);
    assertEquals(await system.lock("/run/lock", 500), undefined);
    system.save("/run/lock", "");
    assert(await system.lock("/run/lock", 0), "another file has that name now");
    await system.kill(holder.pid);
    assertEquals(host.locks.holders(), [system.pid]);
  });
  assertEquals(host.locks.holders(), []);
  assertEquals((await holder.ended).ended, "killed");
});

Deno.test("a killed process: whatever it catches, nothing that it does has an effect", async () => {
  const host = new SimulatedHost(workstation, [{ name: "killed-before-journal-write" }]);
  host.tree.folder("/run/virt-aid/guests");
  const outcome = await host.start((system) => {
    try {
      system.save("/run/virt-aid/guests/1.json", "{}");
    } catch {
      try {
        system.append("/run/after", "death");
      } catch {
        // also in vain
      }
    }
    return Promise.resolve(0);
  }, { program: "/usr/bin/test" }).ended;
  assertEquals([outcome.ended, outcome.code], ["killed", 137]);
  assertEquals([host.tree.find("/run/after"), host.tree.find("/run/virt-aid/guests/1.json")], [undefined, undefined]);
});

Deno.test("run: our own programs, with input, output, status and deadline", async () => {
  const host = new SimulatedHost(workstation);
  host.install({
    [`${HOOKS}/echo`]: async (system, args) => {
      system.print((await system.input(100)) ?? "too long");
      system.complain(`${system.program} ${args.join(" ")}\n`);
      return 3;
    },
    [`${HOOKS}/slow`]: async (system) => {
      await system.until(() => false, 60_000);
      return 0;
    },
    [`${HOOKS}/bad`]: () => Promise.reject(new Error("oh")),
  });
  await on(host, async (system) => {
    const stdin = new TextEncoder().encode("in");
    const echo = await system.run(command(`${HOOKS}/echo`, ["a", "b"], { stdin }));
    assertEquals([echo.ended, echo.code, text(echo.stdout), echo.stderr], ["exit", 3, "in", "echo a b\n"]);
    assertEquals(text((await system.run(command(`${HOOKS}/echo`, [], { stdin, maxOutput: 1 }))).stdout), "i");
    const began = system.now();
    assertEquals((await system.run(command(`${HOOKS}/slow`, []))).ended, "timeout");
    assert(system.now() - began < 1_100);
    assertEquals([...host.processes.all.values()].filter(({ spec }) => spec.comm === "slow"), []);
    assertEquals((await system.run(command(`${HOOKS}/bad`, []))).code, 1);
    assertEquals((await system.run(command(`${HOOKS}/none`, []))).ended, "missing");
    system.start(`${HOOKS}/slow`, []);
    assertThrows(() => system.start(`${HOOKS}/none`, []), Deno.errors.NotFound);
  });
  const slow = [...host.processes.all.values()].find(({ spec }) => spec.comm === "slow");
  assertEquals(slow?.parent, 1, "it outlives who started it");
});

Deno.test("two programs at once: each goes on while the other waits", async () => {
  const host = new SimulatedHost(workstation);
  const seen: string[] = [];
  const program = (name: string, ms: number) =>
    on(host, async (system) => {
      for (let turn = 0; turn < 3; turn++) {
        await system.until(() => false, ms);
        seen.push(name);
      }
    });
  await Promise.all([program("slow", 100), program("fast", 40)]);
  assertEquals(seen, ["fast", "fast", "slow", "fast", "slow", "slow"]);
});

Deno.test("udevadm settle: as long as udev has something to do", async () => {
  await on(new SimulatedHost(workstation), async (system) => {
    const began = system.now();
    const args = ["settle", "--timeout=5"];
    assertEquals((await system.run(command("/usr/bin/udevadm", args))).code, 0);
    assert(system.now() - began >= 50, "its own start and 20 ms");
    assertEquals((await system.run(command("/usr/bin/udevadm", ["trigger"]))).code, 1);
  });
});

Deno.test("programs of the system: stat, head, kill, virsh", async () => {
  const host = new SimulatedHost({
    ...workstation,
    files: { "/srv/a.iso": "abc", "/srv/empty": "", "/srv/folder/": "" },
  });
  await on(host, async (system) => {
    const args = [
      "-L",
      "--printf=%F\\t%n\\0",
      "--",
      "/srv/a.iso",
      "/srv/empty",
      "/srv/folder",
      "/dev/nvme0n1",
      "/none",
    ];
    const stat = await system.run(command("/usr/bin/stat", args));
    assertEquals(stat.code, 1);
    assertEquals(stat.stderr, "stat: cannot statx '/none': No such file or directory\n");
    assertEquals(text(stat.stdout).split("\0").map((line) => line.split("\t")[0]), [
      "regular file",
      "regular empty file",
      "directory",
      "block special file",
      "",
    ]);
    assertEquals(text((await system.run(command("/usr/bin/head", ["-c", "2", "--", "/srv/a.iso"]))).stdout), "ab");
    assertEquals((await system.run(command("/usr/bin/kill", ["-KILL", "--", "-900"]))).code, 0);
    assertEquals(host.processes.all.get(910)?.parent, 1);
    assertEquals((await system.run(command("/usr/bin/kill", ["-KILL", "--", "900"]))).code, 1);
    assertEquals((await system.run(command("/usr/bin/virsh", ["dumpxml", "win11"]))).code, 1);
    host.guests.set("win11", "<domain/>");
    assertEquals(
      text((await system.run(command("/usr/bin/virsh", ["-q", "dumpxml", "--", "win11"]))).stdout),
      "<domain/>",
    );
  });
});
