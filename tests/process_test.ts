import { assert, assertEquals } from "@std/assert";
import { BoxSystem } from "./box-system.ts";

/** Is a process there and no zombie? */
function lives(pid: string): boolean {
  try {
    return !/\) Z /.test(Deno.readTextFileSync(`/proc/${pid.trim()}/stat`));
  } catch {
    return false;
  }
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

Deno.test("a program gets its arguments, its input and a small environment, and its output comes back", async () => {
  using system = new BoxSystem();
  const program = system.script("p", `cat; printf '%s|' "$@"; pwd; env | sort; echo complaint >&2; exit 3`);
  const args = ["--help", "a b", "$(id)", ""];
  const result = await system.run({ program, args, timeoutMs: 10_000, stdin: bytes("input\n") });
  assertEquals({ ...result, stdout: text(result.stdout).replace(/^(_|SHLVL|OLDPWD)=.*\n/gm, "") }, {
    ended: "exit",
    code: 3,
    stdout: "input\n--help|a b|$(id)||/\nHOME=/root\nLC_ALL=C\nLOGNAME=root\n" +
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/\nUSER=root\n",
    stderr: "complaint\n",
  });
});

Deno.test("a program ended by a signal has 128 and its number; one that is missing says so", async () => {
  using system = new BoxSystem();
  const killed = await system.run({ program: system.script("p", "kill -TERM $$"), args: [], timeoutMs: 10_000 });
  assertEquals([killed.ended, killed.code], ["exit", 143]);
  const missing = await system.run({ program: "/box/none", args: [], timeoutMs: 10_000, stdin: bytes("x") });
  assertEquals([missing.ended, missing.code], ["missing", -1]);
});

Deno.test("output is bounded, and a program that prints more is not held up", async () => {
  using system = new BoxSystem();
  const program = system.script("p", "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; echo end >&2");
  for (const [maxOutput, kept] of [[10, 10], [undefined, 1024 * 1024], [0, 0]] as const) {
    const result = await system.run({ program, args: [], timeoutMs: 20_000, maxOutput });
    assertEquals([result.code, result.stdout.length, result.stderr.length], [0, kept, 64 * 1024]);
  }
});

Deno.test("input that nobody reads is no error, neither are 20 MB of it", async () => {
  using system = new BoxSystem();
  const stdin = new Uint8Array(20_000_000).fill(120);
  const unread = await system.run({ program: "/bin/true", args: [], timeoutMs: 10_000, stdin });
  assertEquals([unread.ended, unread.code], ["exit", 0]);
  const some = await system.run({ program: system.script("p", "head -c 5"), args: [], timeoutMs: 10_000, stdin });
  assertEquals(text(some.stdout), "xxxxx");
  const all = await system.run({ program: system.script("q", "wc -c"), args: [], timeoutMs: 20_000, stdin });
  assertEquals(text(all.stdout), "20000000\n");
});

Deno.test("a background child that holds the pipes delays nothing and loses nothing", async () => {
  using system = new BoxSystem();
  // the child reads standard input too, which is longer than a pipe holds
  const program = system.script("p", "sleep 300 & echo $!; head -c 60000 /dev/zero | tr '\\0' x; echo said >&2");
  for (let round = 0; round < 20; round++) {
    const began = system.now();
    const result = await system.run({ program, args: [], timeoutMs: 20_000, stdin: new Uint8Array(200_000) });
    assert(system.now() - began < 5000);
    const [child, output] = text(result.stdout).split("\n");
    assert(lives(child!), "it is meant to go on");
    await system.kill(Number(child));
    assertEquals([result.ended, output!.length, result.stderr], ["exit", 60_000, "said\n"]);
  }
});

Deno.test("a background child that writes all the time does not hold it up either", async () => {
  using system = new BoxSystem();
  const program = system.script("p", "yes & echo $! >&2; exit 0");
  const result = await system.run({ program, args: [], timeoutMs: 20_000 });
  await system.kill(Number(result.stderr));
  assertEquals(result.ended, "exit");
});

Deno.test("at the deadline the whole group is killed, and what was said until then is kept", async () => {
  using system = new BoxSystem();
  const program = system.script("p", "trap '' TERM; (sleep 300 & echo $$ $!; wait) & echo early >&2; wait");
  const result = await system.run({ program, args: [], timeoutMs: 300 });
  assertEquals([result.ended, result.code, result.stderr], ["timeout", -1, "early\n"]);
  const [child, grandchild] = text(result.stdout).split(" ");
  assert(Number(grandchild) > 1);
  assert(await system.until(() => !lives(grandchild!), 5000), "the grandchild lives");
  assert(await system.until(() => system.info(`/proc/${child}`) === undefined, 5000), "the child lives");
});

Deno.test("a started program has nothing of ours: descriptors, process group", async () => {
  using system = new BoxSystem();
  const program = system.script(
    "p",
    `fds=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2)
    printf '%s\\n%s\\n' "$$" "$fds" > ${system.folder}/out; exec sleep 300`,
  );
  system.start(program, []);
  const lines = await system.until(() => system.read("/box/out")?.match(/^(.*)\n((?:.*\n){3})$/), 5000);
  assertEquals(lines?.[2], "/dev/null\n".repeat(3));
  assert(lines);
  const stat = Deno.readTextFileSync(`/proc/${lines[1]}/stat`).split(" ");
  assertEquals(stat[4], lines[1], "it leads a process group of its own");
  await system.kill(Number(lines[1]));
  assert(await system.until(() => system.info(`/proc/${lines[1]}`) === undefined, 5000));
});
