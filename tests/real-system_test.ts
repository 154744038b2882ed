import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { BoxSystem } from "./box-system.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);
const isRoot = Deno.uid() === 0;

Deno.test("paths lie where the table of prefixes says", () => {
  using system = new BoxSystem();
  system.makeFolder("/box/a/b");
  system.save("/box/a/b/c", "text");
  assertEquals(Deno.readTextFileSync(`${system.folder}/a/b/c`), "text");
  assertEquals(system.list("/box"), ["a"]);
  assertEquals(system.info("/box/a")?.mode, 0o700);
  assertEquals(system.info("/boxes"), undefined);
});

Deno.test("what is not there is undefined or empty, and no error", () => {
  using system = new BoxSystem();
  system.save("/box/file", "x");
  for (const path of ["/box/none", "/box/none/deeper", "/box/file/deeper"]) {
    assertEquals(system.read(path), undefined);
    assertEquals(system.readBytes(path, 10), undefined);
    assertEquals(system.list(path), []);
    assertEquals(system.link(path), undefined);
    assertEquals(system.info(path), undefined);
    system.remove(path);
  }
  assertEquals(system.link("/box/file"), undefined, "a file is no link");
  assertThrows(() => system.write("/box/none", "1"), "only what exists is written to");
  assertEquals(system.info("/box/none"), undefined);
});

Deno.test("files are read, listed and described", () => {
  using system = new BoxSystem();
  for (const name of ["b", "B", "10", "9", ".h"]) system.save(`/box/${name}`, "0123456789");
  assertEquals(system.list("/box"), [".h", "10", "9", "B", "b"]);
  assertEquals(text(system.readBytes("/box/b", 4)!), "0123");
  assertEquals(text(system.readBytes("/box/b", 400)!), "0123456789");
  Deno.symlinkSync("b", `${system.folder}/link`);
  assertEquals(system.link("/box/link"), "b");
  assertEquals(system.info("/box/link")?.kind, "link");
  assertEquals(system.info("/box/b"), { kind: "file", uid: Deno.uid(), mode: 0o600, size: 10 });
  assertEquals(system.info("/box/")?.kind, "folder");
  assertEquals(system.info("/dev/null")?.kind, "other");
});

Deno.test("write changes a file in place, append adds to its end, save replaces it, move and remove", () => {
  using system = new BoxSystem();
  system.append("/box/f", "one\n");
  system.append("/box/f", "two\n");
  using reader = Deno.openSync(`${system.folder}/f`);
  system.write("/box/f", "ONE");
  assertEquals(system.read("/box/f"), "ONE\ntwo\n");
  system.save("/box/f", "new");
  assertEquals(system.read("/box/f"), "new");
  assertEquals(system.list("/box"), ["f"], "nothing is left beside it");
  const seen = new Uint8Array(100);
  const length = reader.readSync(seen)!;
  assertEquals(text(seen.subarray(0, length)), "ONE\ntwo\n", "a reader has the old file or the new one");
  system.move("/box/f", "/box/g");
  system.remove("/box/g");
  assertEquals(system.list("/box"), []);
});

Deno.test("save on a full disk keeps the old file and leaves nothing beside it", { ignore: !isRoot }, () => {
  using system = new BoxSystem();
  const mount = new Deno.Command("mount", { args: ["-t", "tmpfs", "-o", "size=64k", "tmpfs", system.folder] })
    .outputSync();
  assert(mount.success, text(mount.stderr));
  try {
    system.save("/box/f", "old");
    assertThrows(() => system.save("/box/f", "x".repeat(100_000)));
    assertEquals(system.read("/box/f"), "old");
    assertEquals(system.list("/box"), ["f"]);
  } finally {
    new Deno.Command("umount", { args: [system.folder] }).outputSync();
  }
});

Deno.test("until looks until there is something, or time is up", async () => {
  using system = new BoxSystem();
  let looks = 0;
  assertEquals(await system.until(() => ++looks === 3 && "here", 5000, 1), "here");
  const began = system.now();
  assertEquals(await system.until(() => undefined, 50, 10), undefined);
  assert(system.now() - began >= 50);
  assertEquals(await system.until(() => 0, 0), 0, "0 is something");
});

Deno.test("a lock that another process holds is waited for, and no longer than wanted", async () => {
  using system = new BoxSystem();
  const holder = new Deno.Command("flock", {
    args: [`${system.folder}/lock`, "sh", "-c", "echo held; read line"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = holder.stdout.getReader();
  assertEquals(text((await reader.read()).value!), "held\n");
  assertEquals(await system.lock("/box/lock", 50), undefined);
  const waiting = system.lock("/box/lock", 10_000);
  await holder.stdin.close();
  await holder.status;
  await reader.cancel();
  const lock = await waiting;
  assert(lock);
  assertEquals(Number(system.read("/box/lock")), Deno.pid);
  const again = await system.run({
    program: "/usr/bin/flock",
    args: ["-n", `${system.folder}/lock`, "true"],
    timeoutMs: 5000,
  });
  assertEquals(again.code, 1);
  lock.release(); // now or before, the wait that was lost gets it and gives it back
  const free = await system.run({
    program: "/usr/bin/flock",
    args: ["-w", "5", `${system.folder}/lock`, "true"],
    timeoutMs: 5000,
  });
  assertEquals(free.code, 0);
});

/** Runs a few lines in a program of their own, with `runProgram` of lib/real-system.ts at hand. */
async function program(lines: string, stdin: string | Uint8Array = "", shell = '"$@"'): Promise<Deno.CommandOutput> {
  const module = new URL("../lib/real-system.ts", import.meta.url);
  const code = `import { runProgram } from ${JSON.stringify(module.href)};\n${lines}`;
  const file = Deno.makeTempFileSync({ suffix: ".ts" });
  try {
    Deno.writeTextFileSync(file, code);
    const args = ["-c", shell, "sh", Deno.execPath(), "run", "-A", "--no-check", "--no-config", file, "one", "--help"];
    const child = new Deno.Command("sh", { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
    const writer = child.stdin.getWriter();
    writer.write(typeof stdin === "string" ? bytes(stdin) : stdin).then(() => writer.close()).catch(() => {});
    return await child.output();
  } finally {
    Deno.removeSync(file);
  }
}

Deno.test("a program ends with the status of its main function, and with 1 for what that throws", async () => {
  const seven = await program(`await runProgram(async (system, args) => {
    system.print(JSON.stringify([args, system.program, system.pid === Deno.pid, system.uid, system.parent()]));
    return 7;
  });`);
  assertEquals(seven.code, 7);
  const [args, name, own, uid, parent] = JSON.parse(text(seven.stdout));
  assertEquals([args, name, own, uid], [["one", "--help"], "deno", true, Deno.uid()]);
  assert(parent > 1);
  const failed = await program(`await runProgram(() => Promise.reject(new Error("it broke")));`);
  assertEquals([failed.code, text(failed.stdout)], [1, ""]);
  assertMatch(text(failed.stderr), /^virt-aid: it broke\nhint: .*\n$/);
});

Deno.test("input is bounded", async () => {
  const lines = `await runProgram(async (system) => {
    system.print(String((await system.input(1_000_000))?.length));
    return 0;
  });`;
  assertEquals(text((await program(lines, "")).stdout), "0");
  assertEquals(text((await program(lines, "x".repeat(1_000_000))).stdout), "1000000");
  assertEquals(text((await program(lines, "x".repeat(1_000_001))).stdout), "undefined");
});

Deno.test("a reader of standard error that went away is no error", async () => {
  const lines = `await runProgram(async (system) => {
    for (let i = 0; i < 100; i++) system.complain("x".repeat(100_000));
    return 5;
  });`;
  const result = await program(lines, "", 'exec 3>&1; { "$@" 2>&1 >&3; echo $? >&3; } | :');
  assertEquals(text(result.stdout), "5\n");
});

Deno.test("the parent is the one of now", async () => {
  const lines = `await runProgram(async (system) => {
    const parent = system.parent();
    await system.kill(parent);
    const changed = await system.until(() => system.parent() !== parent, 10_000);
    system.print(String(changed));
    return 0;
  });`;
  const result = await program(lines, "", '"$@"; exit 0'); // its parent is the shell
  assertEquals(text(result.stdout), "true");
});
