import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { dispatch } from "../lib/dispatch.ts";
import { EVENTS, PROGRAMS } from "../lib/event.ts";
import { JOURNALS } from "../lib/journal.ts";
import { LOG } from "../lib/log.ts";
import { host, XML } from "./hook-system.ts";

/** The table with deadlines that a test can wait for. */
const SOON = EVENTS.map((event) => ({
  ...event,
  scriptsMs: 400,
  ...(event.phase && { phase: { ...event.phase, timeoutMs: 400 } }),
}));

Deno.test("a phase is killed with its group at its deadline, and the step that hangs is named", async () => {
  for (
    const [operation, sub, state, status, said] of [
      ["prepare", "begin", "intended", 1, "it hangs at: unbind 0000:01:00.0 from nvidia"],
      ["started", "begin", "intended", 0, ""],
      ["release", "end", "undoing", 1, "it hangs at: undo of unbind 0000:01:00.0 from nvidia"],
    ] as const
  ) {
    using system = host({ journal: true });
    const journal = `${JOURNALS}/0.json`;
    system.save(journal, system.read(journal)!.replace("intended", state));
    for (const name of ["prepare-begin", "started-begin", "release-end"]) {
      system.script(
        `${PROGRAMS}/${name}`,
        `echo $$ > ${system.folder}/phase; trap '' TERM; (sleep 300 & echo $! > ${system.folder}/pid; wait)`,
      );
    }
    const began = system.now();
    assertEquals(await dispatch(system, ["win11", operation, sub, "-"], SOON), status);
    assert(system.now() - began < 5000);
    const [first] = system.complaints.split("\n");
    assertStringIncludes(first!, said);
    assert(first!.length < 200);
    if (operation === "release") assert(await system.ended("recovery"));
    const grandchild = Deno.readTextFileSync(`${system.folder}/pid`);
    assert(await system.until(() => !system.lives(grandchild), 5000), "the grandchild lives");
    assert(await system.ended("phase"));
    assertMatch(system.read(LOG)!, /did not end within 0\.4 s and was killed; it hangs at/);
  }
});

Deno.test("user-scripts that hangs is killed too, and reconnect still succeeds", async () => {
  for (const [operation, status] of [["start", 1], ["reconnect", 0]] as const) {
    using system = host();
    system.script(`${PROGRAMS}/user-scripts`, `echo $$ > ${system.folder}/pid; exec sleep 300`);
    assertEquals(await dispatch(system, ["win11", operation, "begin", "-"], SOON), status);
    assertStringIncludes(system.complaints, "user-scripts did not end within");
    assert(await system.ended("pid"));
  }
});

Deno.test("a background child that holds the pipes of a phase delays nothing", async () => {
  using system = host();
  system.script(`${PROGRAMS}/prepare-begin`, `sleep 300 & echo $! > ${system.folder}/pid; echo why >&2; exit 1`);
  const began = system.now();
  assertEquals(await dispatch(system, ["win11", "prepare", "begin", "-"]), 1);
  assert(system.now() - began < 5000);
  assertEquals(system.complaints, "why\n");
  await system.kill(Number(Deno.readTextFileSync(`${system.folder}/pid`)));
});

Deno.test("what a program said is passed on, and no more than 1 KiB of it", async () => {
  using system = host({ scripts: false });
  system.script(`${PROGRAMS}/prepare-begin`, "echo first >&2; yes long | head -c 100000 >&2; exit 1");
  assertEquals(await dispatch(system, ["win11", "prepare", "begin", "-"]), 1);
  assert(system.complaints.startsWith("first\nlong\n") && system.complaints.length <= 1024);
  system.complaints = "";
  system.script(`${PROGRAMS}/prepare-begin`, "kill -KILL $$");
  assertEquals(await dispatch(system, ["win11", "prepare", "begin", "-"]), 1);
  assertEquals(system.complaints, "virt-aid: win11: prepare-begin ended with status 137 and said nothing\n");
  system.complaints = "";
  system.script(`${PROGRAMS}/prepare-begin`);
  Deno.chmodSync(`${system.folder}${PROGRAMS}/prepare-begin`, 0o644);
  assertEquals(await dispatch(system, ["win11", "prepare", "begin", "-"]), 1);
  assertStringIncludes(system.complaints, "prepare-begin cannot be run: ");
  system.script(`${PROGRAMS}/prepare-begin`, "echo careful >&2");
  assertEquals(await dispatch(system, ["win11", "prepare", "begin", "-"]), 0);
  assertMatch(system.read(LOG)!, /\tINFO\tprepare-begin: prepare done in \d+ ms\n.*\tWARN\tcareful\n$/);
});

Deno.test("a libvirtd that went away in prepare: what was done is undone", async () => {
  using system = host({ journal: true });
  system.parents = [4711, 4711, 4711, 1];
  assertEquals(await dispatch(system, ["win11", "prepare", "begin", "-"]), 1);
  const undone = ["release-end win11 release end orphaned", XML, "user-scripts qemu win11 release end orphaned", XML];
  assertEquals(system.calls(), [
    "user-scripts qemu win11 prepare begin -",
    XML,
    "prepare-begin win11 prepare begin -",
    XML,
    ...undone,
  ]);
  assertStringIncludes(system.complaints, "libvirtd went away");

  using early = host({ journal: true });
  early.parents = [4711, 4711, 1]; // while the user's script ran
  assertEquals(await dispatch(early, ["win11", "prepare", "begin", "-"]), 1);
  assertEquals(early.calls(), ["user-scripts qemu win11 prepare begin -", XML, ...undone]);

  using taken = host({ journal: true });
  taken.parents = [4711, 4711, 4711, 1];
  taken.script(`${PROGRAMS}/release-end`, "echo another has it >&2; exit 1");
  assertEquals(await dispatch(taken, ["win11", "prepare", "begin", "-"]), 1);
  assertEquals(taken.calls().filter((call) => call.startsWith("user-scripts")).length, 1, "it is not its release");

  system.parents = [4711, 1];
  assertEquals(
    await dispatch(system, ["win11", "start", "begin", "-"]),
    0,
    "release is called for a failed start only",
  );
});

Deno.test("at restore and migrate what user-scripts prints goes to libvirt, unless it failed", async () => {
  for (const [driver, operation] of [["qemu", "restore"], ["qemu", "migrate"], ["libxl", "migrate"]] as const) {
    using system = host();
    system.driver = driver;
    system.script(`${PROGRAMS}/user-scripts`, "printf '<domain/>'");
    assertEquals(await dispatch(system, ["win11", operation, "begin", "-"]), 0);
    assertEquals(system.printed, "<domain/>");
    system.printed = "";
    system.script(`${PROGRAMS}/user-scripts`, "printf '<domain/>'; exit 1");
    assertEquals(await dispatch(system, ["win11", operation, "begin", "-"]), 1);
    assertEquals(system.printed, "");
  }
});

Deno.test("in every other event nothing goes to libvirt", async () => {
  for (const { driver, operation, sub } of EVENTS.filter(({ filter }) => !filter)) {
    using system = host({ journal: operation === "release" });
    system.driver = driver;
    for (const name of ["prepare-begin", "started-begin", "release-end", "user-scripts"]) {
      system.script(`${PROGRAMS}/${name}`, "echo '<domain/>'");
    }
    assertEquals(await dispatch(system, ["win11", operation, sub, "-"]), 0);
    assertEquals(system.printed, "");
  }
});

Deno.test("dispatcher, user-scripts and a user's script, each a process of its own", async () => {
  using system = host();
  const root = new URL("../", import.meta.url).href;
  Deno.writeTextFileSync(
    `${system.folder}/main.ts`,
    `import { userScripts } from "${root}lib/scripts.ts";
     import { RealSystem } from "${root}lib/real-system.ts";
     class Owned extends RealSystem { info(path) { const info = super.info(path); return info && { ...info, uid: 0 }; } }
     Deno.exit(await userScripts(new Owned([["/etc/", "${system.folder}/etc/"]]), Deno.args));`,
  );
  system.script(`${PROGRAMS}/user-scripts`);
  const deno = `exec ${Deno.execPath()} run -A -q --no-check --no-config ${system.folder}/main.ts "$@"`;
  Deno.writeTextFileSync(`${system.folder}${PROGRAMS}/user-scripts`, `#!/bin/sh\n${deno}\n`);
  const folder = "/etc/libvirt/hooks/qemu.d/win11/restore/begin";
  for (const name of ["10-a", "20-b"]) system.script(`${folder}/${name}`);
  Deno.writeTextFileSync(`${system.folder}${folder}/10-a`, "#!/bin/sh\nsed s/win11/win12/\n");
  Deno.writeTextFileSync(`${system.folder}${folder}/20-b`, "#!/bin/sh\nsed s/domain/DOMAIN/g\n");
  assertEquals(await dispatch(system, ["win11", "restore", "begin", "-"]), 0);
  assertEquals(system.printed, XML.replace("win11", "win12").replaceAll("domain", "DOMAIN"));
  Deno.writeTextFileSync(`${system.folder}${folder}/20-b`, "#!/bin/sh\necho why >&2; exit 7\n");
  assertEquals(await dispatch(system, ["win11", "restore", "begin", "-"]), 1);
  assertMatch(system.complaints, /^virt-aid: win11: .*\/20-b ended with status 7: why\n$/);
});
