import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { dispatch } from "../lib/dispatch.ts";
import { EVENTS, MAX_XML, PROGRAMS } from "../lib/event.ts";
import { LOG } from "../lib/log.ts";
import { type HookSystem, host, XML } from "./hook-system.ts";

const PLAIN = "<domain><name>win11</name><devices><disk type='file'/></devices></domain>";

Deno.test("every event calls the right programs in the right order, with libvirt's arguments and the XML", async () => {
  for (const { driver, operation, sub, phase } of EVENTS) {
    using system = host({ journal: operation === "release" });
    system.driver = driver;
    const call = `win11 ${operation} ${sub} from snapshot`;
    assertEquals(await dispatch(system, ["win11", operation, sub, "from snapshot"]), 0);
    const scripts = [`user-scripts ${driver} ${call}`, XML];
    const own = phase ? [`${phase.program} ${call}`, XML] : [];
    assertEquals(system.calls(), operation === "prepare" ? [...scripts, ...own] : [...own, ...scripts], call);
    assertEquals([system.printed, system.complaints], ["", ""]);
  }
});

Deno.test("a failing script stops what libvirt can still stop, and is reported elsewhere", async () => {
  for (const { driver, operation, sub, phase, failure } of EVENTS) {
    using system = host({ journal: operation === "release" });
    system.driver = driver;
    system.script(`${PROGRAMS}/user-scripts`, "echo no >&2; exit 1");
    const status = await dispatch(system, ["win11", operation, sub, "-"]);
    assertEquals(status, failure === "never" ? 0 : 1, `${driver} ${operation}`);
    assertEquals(system.complaints, "no\n");
    const ran = system.calls().some((line) => line.startsWith(phase?.program ?? "?"));
    assertEquals(ran, phase !== undefined && operation !== "prepare", "prepare: what fails first costs nothing yet");
    assertMatch(system.read(LOG)!, /\tERROR\tno\n$/);
  }
});

Deno.test("a failing phase: prepare and release fail, a start that went well goes on", async () => {
  for (
    const [operation, sub, status] of [["prepare", "begin", 1], ["started", "begin", 0], ["release", "end", 1]] as const
  ) {
    using system = host({ journal: true });
    for (const name of ["prepare-begin", "started-begin", "release-end"]) {
      system.script(`${PROGRAMS}/${name}`, "echo 'virt-aid: win11: no' >&2; echo 'hint: yes' >&2; exit 1");
    }
    assertEquals(await dispatch(system, ["win11", operation, sub, "-"]), status);
    assertEquals(system.complaints, status === 1 ? "virt-aid: win11: no\nhint: yes\n" : "");
    assertMatch(system.read(LOG)!, /\tERROR\t(prepare-begin|started-begin|release-end) ended with status 1\n/);
    const calls = system.calls();
    assert(calls.some((line) => line.startsWith(`user-scripts qemu win11 ${operation}`)), "scripts run all the same");
    if (operation === "release") assert(await system.ended("recovery"));
  }
});

Deno.test("a release that failed starts recovery, which goes on after us", async () => {
  using system = host({ journal: true });
  system.script(`${PROGRAMS}/release-end`, "exit 1");
  system.script(`${PROGRAMS}/virt-aid`, `echo $$ > ${system.folder}/recovery; exec sleep 300`);
  const began = system.now();
  assertEquals(await dispatch(system, ["win11", "release", "end", "-"]), 1);
  assert(system.now() - began < 5000);
  assertStringIncludes(system.complaints, "release-end ended with status 1 and said nothing");
  const pid = await system.until(() => system.read(`${system.folder}/recovery`)?.match(/^(\d+)\n/)?.[1], 5000);
  assert(system.lives(pid!));
  await system.kill(Number(pid));
  assert(await system.ended("recovery"));
  assert(system.calls().includes("virt-aid recover"));
});

Deno.test("where there is nothing to do no program is started and nothing is written", async () => {
  for (const { driver, operation, sub } of EVENTS) {
    using system = host({ xml: PLAIN, scripts: false });
    system.driver = driver;
    assertEquals(await dispatch(system, ["win11", operation, sub, "-"]), 0);
    assertEquals([system.calls(), system.printed, system.complaints, system.read(LOG)], [[], "", "", undefined]);
    const wanted = driver === "qemu" && ["prepare", "started"].includes(operation);
    assertEquals(system.reads, wanted ? 1 : 0, `${driver} ${operation}`);
  }
});

Deno.test("what makes a phase worth starting", async () => {
  const config = (text: string) => `<virt-aid>${text}</virt-aid>`;
  for (
    const [xml, text, expected] of [
      [PLAIN, config(`<device address="0000:01:00.0"/>`), false],
      [PLAIN, config(`<guest name="win10"/>`), false],
      [PLAIN, config(`<guest name="win11"/>`), true],
      [PLAIN, config(`<guest name="win&#49;1"/>`), true],
      [PLAIN, config(`<io><keyboard/></io>`), true],
      ["<interface type='hostdev'>", "", true],
      ["<disk type='nvme'>", "", true],
      ["<target type='virtio' name='org.virt-aid.0'/>", "", true],
    ] as const
  ) {
    using system = host({ xml, scripts: false });
    system.makeFolder("/etc/virt-aid");
    if (text) system.save("/etc/virt-aid/config.xml", text);
    await dispatch(system, ["win11", "prepare", "begin", "-"]);
    assertEquals(system.calls().length > 0, expected, xml + text);
  }
});

Deno.test("unknown events, drivers and the daemons of users' sessions get 0 at once", async () => {
  using system = host();
  for (const args of [["win11", "plugged", "begin", "-"], ["win11", "prepare", "end", "-"], ["win11", "", "", ""]]) {
    assertEquals(await dispatch(system, args), 0);
  }
  system.driver = "xen";
  assertEquals(await dispatch(system, ["win11", "prepare", "begin", "-"]), 0);
  system.driver = "qemu";
  system.user = 1000;
  for (const args of [["win11", "prepare", "begin", "-"], ["--help"], []]) {
    assertEquals(await dispatch(system, args), 0);
  }
  assertEquals([system.calls(), system.reads, system.complaints, system.printed], [[], 0, "", ""]);
});

Deno.test("options are options only where libvirt did not call", async () => {
  using system = host();
  for (
    const [args, status] of [[["--help"], 0], [["--version"], 0], [[], 1], [["win11"], 1], [
      ["a", "b", "c", "d", "e"],
      1,
    ]] as const
  ) {
    system.complaints = "";
    assertEquals(await dispatch(system, args), status);
    assertStringIncludes(system.complaints, "virt-aid --help");
  }
  assertEquals([system.calls(), system.printed], [[], ""]);
  system.makeFolder("/etc/libvirt/hooks/qemu.d/--help/start/begin");
  assertEquals(await dispatch(system, ["--help", "start", "begin", "-"]), 0);
  assertEquals(system.calls()[0], "user-scripts qemu --help start begin -");
});

Deno.test("hostile names reach the phase as they are, and no script where they are no part of a path", async () => {
  for (const name of ["..", ".", "", "a\nb", "x".repeat(300), "a/../win11"]) {
    using system = host();
    assertEquals(await dispatch(system, [name, "prepare", "begin", "-"]), 0);
    assertEquals(system.calls().join("\n"), `prepare-begin ${name} prepare begin -\n${XML}`);
  }
  for (const name of ["a b", " ", "$(reboot)", "\u202exe.gnp", "-rf", "'\"", "x".repeat(255)]) {
    using system = host();
    system.makeFolder(`/etc/libvirt/hooks/qemu.d/${name}/prepare/begin`);
    system.script(`${PROGRAMS}/prepare-begin`, "exit 1");
    assertEquals(await dispatch(system, [name, "prepare", "begin", "-"]), 1);
    assertEquals(system.calls()[0], `user-scripts qemu ${name} prepare begin -`);
    assert(!/[\u202e]/.test(system.complaints) && system.complaints.split("\n")[0]!.length < 200);
  }
});

Deno.test("a program of ours that is missing or not safe refuses a start with devices, and no other", async () => {
  const breaks: [string, (system: HookSystem) => void][] = [
    ["is missing", (system) => system.remove(`${PROGRAMS}/prepare-begin`)],
    ["belongs to user 1000", (system) => system.owners.set(`${PROGRAMS}/prepare-begin`, 1000)],
    ["belongs to user 1000", (system) => system.owners.set(PROGRAMS, 1000)],
    ["can be written by others", (system) => Deno.chmodSync(`${system.folder}${PROGRAMS}/prepare-begin`, 0o775)],
    ["can be written by others", (system) => Deno.chmodSync(`${system.folder}${PROGRAMS}`, 0o777)],
    ["is no file", (system) => {
      system.remove(`${PROGRAMS}/prepare-begin`);
      Deno.symlinkSync("/bin/true", `${system.folder}${PROGRAMS}/prepare-begin`);
    }],
  ];
  for (const [why, damage] of breaks) {
    using system = host({ scripts: false });
    damage(system);
    assertEquals(await dispatch(system, ["win11", "prepare", "begin", "-"]), 1);
    assertStringIncludes(system.complaints, why);
    assertStringIncludes(system.complaints, "\nhint: ");
    assertEquals(system.calls(), []);
    // asked for by the config alone: logged, and the guest starts
    system.stdin = new TextEncoder().encode(PLAIN);
    system.makeFolder("/etc/virt-aid");
    system.save("/etc/virt-aid/config.xml", "<io/>");
    system.complaints = "";
    assertEquals(await dispatch(system, ["win11", "prepare", "begin", "-"]), 0);
    assertEquals(system.complaints, "");
    assertStringIncludes(system.read(LOG)!, why);
  }
  using system = host({ scripts: false });
  system.remove(`${PROGRAMS}/started-begin`);
  assertEquals(await dispatch(system, ["win11", "started", "begin", "-"]), 0);
  assertStringIncludes(system.read(LOG)!, "is missing");
});

Deno.test("recovery starts with the daemon where a guest has a journal, and is not waited for", async () => {
  for (const journal of [true, false]) {
    using system = host({ journal, scripts: false });
    system.driver = "daemon";
    assertEquals(await dispatch(system, ["-", "start", "-", "start"]), 0);
    assertEquals(system.read(LOG)?.includes("recovery started") ?? false, journal);
    if (journal) assert(await system.ended("recovery"));
    assertEquals(system.calls().includes("virt-aid recover"), journal);
    assertEquals(system.reads, 0);
  }
  using system = host({ journal: true });
  system.driver = "daemon";
  system.remove(`${PROGRAMS}/virt-aid`);
  assertEquals(await dispatch(system, ["-", "start", "-", "start"]), 0);
  assertStringIncludes(system.read(LOG)!, "recovery cannot be started");
  assertEquals(system.calls()[0], "user-scripts daemon - start - start");
});

Deno.test("XML longer than any is refused where that can be, and release runs without it", async () => {
  using system = host({ journal: true });
  system.stdin = new Uint8Array(MAX_XML + 1).fill(32);
  assertEquals(await dispatch(system, ["win11", "prepare", "begin", "-"]), 1);
  assertStringIncludes(system.complaints, `the XML is longer than ${MAX_XML} bytes`);
  assertEquals(system.calls(), []);
  assertEquals(await dispatch(system, ["win11", "release", "end", "-"]), 0);
  assertEquals(system.calls(), ["release-end win11 release end -", "user-scripts qemu win11 release end -"]);
  assertEquals(await dispatch(system, ["win11", "reconnect", "begin", "-"]), 0);
  // a guest that runs by then is not ended for it
  assertEquals(await dispatch(system, ["win11", "started", "begin", "-"]), 0);
});
