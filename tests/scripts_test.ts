import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EVENTS, HOOKS } from "../lib/event.ts";
import { userScripts } from "../lib/scripts.ts";
import { HookSystem } from "./hook-system.ts";

const XML = "<domain type='kvm'/>";
const PREPARE = `${HOOKS}/qemu.d/win11/prepare/begin`;
const RELEASE = `${HOOKS}/qemu.d/win11/release/end`;
const AT_PREPARE = ["qemu", "win11", "prepare", "begin", "-"];
const AT_RELEASE = ["qemu", "win11", "release", "end", "from snapshot"];
const AT_RESTORE = ["qemu", "win11", "restore", "begin", "-"];

/** The table with deadlines that a test can wait for. */
const SOON = EVENTS.map((event) => ({ ...event, scriptsMs: 400 }));

function host(): HookSystem {
  const system = new HookSystem();
  system.driver = "user-scripts";
  system.stdin = new TextEncoder().encode(XML);
  return system;
}

/** Makes a link below the folder of hooks. */
function link(system: HookSystem, path: string, target: string): void {
  system.makeFolder(path.slice(0, path.lastIndexOf("/")));
  Deno.symlinkSync(target, `${system.folder}${path}`);
}

Deno.test("scripts of a folder run in byte order, with libvirt's arguments and the XML", async () => {
  using system = host();
  for (const name of ["b.sh", "9-x", "Zz", "10-a", "with space", "_x"]) {
    system.script(`${PREPARE}/${name}`, "echo junk");
  }
  assertEquals(await userScripts(system, AT_PREPARE), 0);
  const order = ["10-a", "9-x", "Zz", "_x", "b.sh", "with space"];
  assertEquals(system.calls(), order.flatMap((name) => [`${name} win11 prepare begin -`, XML]));
  assertEquals([system.printed, system.complaints], ["", ""]);
});

Deno.test("a file in the place of the folder runs too, at every event of every driver", async () => {
  for (const { driver, operation, sub } of EVENTS) {
    using system = host();
    system.script(`${HOOKS}/${driver}.d/--help/${operation}/${sub}`);
    assertEquals(await userScripts(system, [driver, "--help", operation, sub, "x y"]), 0);
    assertEquals(system.calls(), [`${sub} --help ${operation} ${sub} x y`, XML]);
  }
});

Deno.test("leftovers, hidden files, folders in the folder and what is not executable do not run", async () => {
  using system = host();
  for (const name of ["a~", "a.bak", "a.orig", ".a.swp", ".hidden", "a.dpkg-old", "a.rpmsave", "folder/a"]) {
    system.script(`${PREPARE}/${name}`);
  }
  system.script(`${PREPARE}/README`);
  Deno.chmodSync(`${system.folder}${PREPARE}/README`, 0o644);
  assertEquals(await userScripts(system, AT_PREPARE), 0);
  assertEquals([system.calls(), system.reads], [[], 0]);
  assertMatch(system.complaints, /README is not executable and was left out\nhint: .*\n$/);
});

Deno.test("where there are no scripts, or the name is no part of a path, nothing happens", async () => {
  using system = host();
  system.script(`${HOOKS}/qemu.d/prepare/begin`);
  system.script(`${HOOKS}/prepare/begin`);
  system.script(`${PREPARE}/a`);
  for (const guest of ["win10", "..", ".", "", "a/../win11", "win11\n", "x".repeat(300)]) {
    assertEquals(await userScripts(system, ["qemu", guest, "prepare", "begin", "-"]), 0);
  }
  for (const args of [["xen", "win11", "prepare", "begin", "-"], ["qemu", "win11", "x", "y", "-"]]) {
    assertEquals(await userScripts(system, args), 0);
  }
  assertEquals([system.calls(), system.reads, system.complaints], [[], 0, ""]);
  for (const args of [[], ["--help"], AT_PREPARE.slice(1)]) assertEquals(await userScripts(system, args), 1);
  assertEquals([system.calls(), system.reads], [[], 0]);
});

Deno.test("the first script that fails stops a start, and is named with its status and last words", async () => {
  using system = host();
  system.script(`${PREPARE}/10-a`, "echo one >&2; echo the reason >&2; exit 3");
  system.script(`${PREPARE}/20-b`);
  assertEquals(await userScripts(system, AT_PREPARE), 1);
  assertEquals(system.complaints, `virt-aid: win11: ${PREPARE}/10-a ended with status 3: the reason\n`);
  assertEquals(system.calls(), ["10-a win11 prepare begin -", XML]);
});

Deno.test("at release all scripts run, and every failure is told", async () => {
  using system = host();
  system.script(`${RELEASE}/10-a`, "exit 3");
  system.script(`${RELEASE}/20-b`, "kill -KILL $$");
  system.script(`${RELEASE}/30-c`);
  assertEquals(await userScripts(system, AT_RELEASE), 1);
  assertEquals(system.calls().filter((line) => line !== XML).length, 3);
  assertMatch(system.complaints, /10-a ended with status 3 and said nothing.*\n.*20-b ended with status 137 and/);
});

Deno.test("a script that cannot be run is named; one without a first line #! runs with sh", async () => {
  for (
    const [text, why] of [["#!/etc/passwd\n", "cannot be run: "], [
      "#!/no/such/shell\n",
      "its first line names is not",
    ]] as const
  ) {
    using system = host();
    system.script(`${PREPARE}/a`);
    Deno.writeTextFileSync(`${system.folder}${PREPARE}/a`, text);
    assertEquals(await userScripts(system, AT_PREPARE), 1);
    assertMatch(system.complaints, new RegExp(`^virt-aid: win11: ${PREPARE}/a .*${why}`));
    Deno.writeTextFileSync(`${system.folder}${PREPARE}/a`, "exit 0\n");
    assertEquals(await userScripts(system, AT_PREPARE), 0);
  }
});

Deno.test("what is not root's alone refuses prepare before anything runs, and is left out elsewhere", async () => {
  const breaks: [string, string, (system: HookSystem, folder: string) => void][] = [
    ["/20-b", "belongs to user 1000", (system, folder) => system.owners.set(`${folder}/20-b`, 1000)],
    ["/20-b", "can be written by others", (system, folder) => Deno.chmodSync(`${system.folder}${folder}/20-b`, 0o775)],
    ["/20-b", "is a link that leaves", (system, folder) => {
      system.remove(`${folder}/20-b`);
      link(system, `${folder}/20-b`, "/usr/bin/true");
    }],
    ["/20-b", "is a link that leaves", (system, folder) => {
      system.remove(`${folder}/20-b`);
      link(system, `${folder}/20-b`, "../../../../../outside");
    }],
    ["/20-b", "is a link to itself", (system, folder) => {
      system.remove(`${folder}/20-b`);
      link(system, `${folder}/20-b`, "20-b");
    }],
    ["", "can be written by others", (system, folder) => Deno.chmodSync(`${system.folder}${folder}`, 0o777)],
  ];
  for (const [at, why, damage] of breaks) {
    for (const [args, folder] of [[AT_PREPARE, PREPARE], [AT_RELEASE, RELEASE]] as const) {
      using system = host();
      for (const name of ["10-a", "20-b"]) system.script(`${folder}/${name}`);
      damage(system, folder);
      const prepare = args === AT_PREPARE;
      assertEquals(await userScripts(system, args), prepare ? 1 : 0, why);
      assertStringIncludes(system.complaints, `${folder}${at} ${why}`);
      assertMatch(system.complaints, /\nhint: .+\n$/);
      const ran = system.calls().filter((line) => line !== XML);
      assertEquals(ran.length, prepare || at === "" ? 0 : 1);
    }
  }
});

Deno.test("every folder on the way counts, and the remedy can be pasted", async () => {
  for (const folder of [HOOKS, `${HOOKS}/qemu.d`, `${HOOKS}/qemu.d/it's $(me)`]) {
    using system = host();
    system.script(`${HOOKS}/qemu.d/it's $(me)/prepare/begin/a`);
    system.owners.set(folder, 1000);
    assertEquals(await userScripts(system, ["qemu", "it's $(me)", "prepare", "begin", "-"]), 1);
    const quoted = `'${folder.replaceAll("'", "'\\''")}'`;
    assertStringIncludes(system.complaints, `\nhint: chown root: ${quoted}; chmod go-w ${quoted}\n`);
    assertEquals(system.calls(), []);
  }
});

Deno.test("links that stay in the folder of hooks are followed", async () => {
  for (const target of ["../../../../shared/gpu", `${HOOKS}/shared/gpu`, "../../.././../shared/x/../gpu"]) {
    using system = host();
    system.script(`${HOOKS}/shared/gpu`);
    system.makeFolder(`${HOOKS}/shared/x`);
    link(system, `${PREPARE}/10-a`, target);
    link(system, `${PREPARE}/20-dangling`, "nowhere");
    link(system, `${HOOKS}/qemu.d/win10`, "win11");
    for (const guest of ["win11", "win10"]) {
      assertEquals(await userScripts(system, ["qemu", guest, "prepare", "begin", "-"]), 0, system.complaints);
      assertEquals(system.calls(), [`gpu ${guest} prepare begin -`, XML]);
    }
    system.owners.set(`${HOOKS}/shared`, 1000);
    assertEquals(await userScripts(system, AT_PREPARE), 1, "where it leads is looked at as closely");
  }
});

Deno.test("a script that hangs is named and killed with its group; the next ones have no time left", async () => {
  using system = host();
  system.script(
    `${RELEASE}/10-a`,
    `echo $$ > ${system.folder}/script; (sleep 300 & echo $! > ${system.folder}/pid; wait)`,
  );
  system.script(`${RELEASE}/20-b`);
  assertEquals(await userScripts(system, AT_RELEASE, SOON), 1);
  assertMatch(
    system.complaints,
    /10-a did not end in time and was killed\nhint: .* 0\.4 s together.*\n.*20-b did not run/,
  );
  assertEquals(system.calls(), ["10-a win11 release end from snapshot", XML]);
  const pid = Deno.readTextFileSync(`${system.folder}/pid`);
  assert(await system.until(() => !system.lives(pid), 5000));
  assert(await system.ended("script"));
});

Deno.test("a script may leave a program running in the background", async () => {
  using system = host();
  system.script(`${PREPARE}/a`, `sleep 300 & echo $! > ${system.folder}/pid`);
  const began = system.now();
  assertEquals(await userScripts(system, AT_PREPARE), 0);
  assert(system.now() - began < 5000);
  const pid = Deno.readTextFileSync(`${system.folder}/pid`);
  assert(system.lives(pid), "it goes on");
  await system.kill(Number(pid));
});

Deno.test("at restore a script's XML goes to the next one and to libvirt, blanks and silence keep what there is", async () => {
  using system = host();
  const folder = `${HOOKS}/qemu.d/win11/restore/begin`;
  system.script(`${folder}/10-a`, "echo '<a/>'");
  system.script(`${folder}/20-b`, "echo ' '; echo");
  system.script(`${folder}/30-c`, "echo '<c/>'");
  system.script(`${folder}/40-d`);
  assertEquals(await userScripts(system, AT_RESTORE), 0);
  assertEquals(system.calls().filter((line) => line.startsWith("<")), [XML, "<a/>", "<a/>", "<c/>"]);
  assertEquals(system.printed, "<c/>\n");
  system.script(`${folder}/40-d`, "exit 1");
  system.printed = "";
  assertEquals(await userScripts(system, AT_RESTORE), 1);
  assertEquals(system.printed, "", "libvirt gets nothing from a run that failed");
  for (const name of ["10-a", "30-c", "40-d"]) system.remove(`${folder}/${name}`);
  assertEquals(await userScripts(system, AT_RESTORE), 0);
  assertEquals(system.printed, "");
});
