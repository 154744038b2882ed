// The events of a guest's life under a real libvirtd.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { guest } from "./guest.ts";
import { EVENTS, HOOKS, TestMachine } from "./machine.ts";
import { until } from "../until.ts";

/** What scripts note that note every event. */
const started = (name: string) => [`${name} prepare begin -`, `${name} start begin -`, `${name} started begin -`];
const ended = (name: string) => [`${name} stopped end -`, `${name} release end -`];

Deno.test("a guest without devices: scripts see all events in order with its XML, and nothing of ours starts", async () => {
  await using machine = await TestMachine.up();
  machine.noteEvents("win");
  assertEquals((await machine.create(guest("win"))).code, 0);
  assertEquals(machine.events, started("win"));
  await machine.must("destroy", "win");
  assertEquals(machine.events.slice(0, 5), [...started("win"), ...ended("win")]);
  for (const event of EVENTS) {
    assertStringIncludes(machine.ns.read(`/run/xml.${event.split("/")[0]}`), "<name>win</name>");
  }
  assert(!machine.ns.has("/run/virt-aid"), "no view was mounted, no lock taken");
});

Deno.test("a guest whose QEMU dies is stopped and released", async () => {
  await using machine = await TestMachine.up();
  machine.noteEvents("win");
  assertEquals((await machine.create(guest("win"))).code, 0);
  await machine.ns.signal("KILL", Number(machine.ns.read("/run/libvirt/qemu/win.pid")));
  await until("the release of the guest", () => machine.events.length === 5);
  assertEquals(machine.events, [...started("win"), ...ended("win")]);
});

Deno.test("a start that fails by itself after prepare: stopped and released", async () => {
  await using machine = await TestMachine.up();
  machine.noteEvents("win");
  const disk = "<disk type='file'><source file='/nowhere/disk.img'/><target dev='hda'/></disk>";
  const failed = await machine.create(guest("win", disk));
  assertEquals(failed.code, 1);
  assertStringIncludes(failed.stderr, "/nowhere/disk.img");
  assertEquals(machine.events, ["win prepare begin -", ...ended("win")]);
});

Deno.test("save and restore: nothing of ours is printed, and scripts edit the XML one after the other", async () => {
  await using machine = await TestMachine.up();
  machine.noteEvents("win", [...EVENTS]);
  const restore = async () => {
    await machine.must("save", "win", "/tmp/win.save");
    await machine.must("restore", "/tmp/win.save");
    return await machine.must("dumpxml", "win");
  };
  assertEquals((await machine.create(guest("win"))).code, 0);
  assertEquals((await restore()).includes("hook-script"), false, "without a script libvirt keeps its own XML");
  assertEquals(machine.events, [...started("win"), ...ended("win"), ...started("win")]);

  machine.script("qemu.d/win/restore/begin/10-edit", `sed 's|<uuid>|<title>ten</title><uuid>|'`);
  machine.script("qemu.d/win/restore/begin/20-look", `cat >/run/second`);
  machine.script("qemu.d/win/restore/begin/30-edit", `sed 's|<title>ten|<title>thirty|'`);
  assertStringIncludes(await restore(), "<title>thirty</title>");
  assertStringIncludes(machine.ns.read("/run/second"), "<title>ten</title>");

  machine.script("qemu.d/win/restore/begin/30-edit", `echo not now >&2; exit 3`);
  await machine.must("save", "win", "/tmp/win.save");
  const failed = await machine.virsh("restore", "/tmp/win.save");
  assertEquals(failed.code, 1);
  assertStringIncludes(failed.stderr, "30-edit ended with status 3: not now");
});

Deno.test("guests with any name libvirt takes; those that are no names of files get no scripts", async () => {
  await using machine = await TestMachine.up();
  for (const name of ["--help", " win 11 ", "vm-😀", "$(kill $PPID)", "'; exit 1 #"]) {
    machine.noteEvents(name);
    const { code, stderr } = await machine.create(guest(name));
    assertEquals(code, 0, `${name}: ${stderr}`);
    await machine.must("destroy", `--domain=${name}`);
    assertEquals(machine.events, [...started(name), ...ended(name)]);
    await machine.ns.bash("rm /run/events");
  }
  machine.script("prepare/begin", "touch /run/escaped"); // what the guest .. would find
  for (const name of ["..", "."]) {
    assertEquals((await machine.create(guest(name))).code, 0);
    await machine.must("destroy", `--domain=${name}`);
  }
  assert(!machine.ns.has("/run/escaped"));
});

Deno.test("two guests start at the same time: the hooks of one do not wait for those of the other", async () => {
  await using machine = await TestMachine.up();
  const meet = (self: string, other: string) => {
    const wait = `touch /run/${self}; until [ -e /run/${other} ]; do sleep 0.02; done`;
    for (const event of ["prepare/begin", "release/end"]) machine.script(`qemu.d/${self}/${event}`, wait);
  };
  meet("a", "b");
  meet("b", "a");
  const codes = async (ends: Promise<{ code: number }>[]) => (await Promise.all(ends)).map((end) => end.code);
  assertEquals(await codes(["a", "b"].map((name) => machine.create(guest(name)))), [0, 0]);
  await machine.ns.bash("rm /run/a /run/b");
  assertEquals(await codes(["a", "b"].map((name) => machine.virsh("destroy", name))), [0, 0]);
});

Deno.test("50 hooks at once", async () => {
  await using machine = await TestMachine.up();
  machine.ns.write("/tmp/guest.xml", guest("win"));
  const names = Array.from({ length: 50 }, (_, i) => `win${i}`);
  for (const name of names) machine.script(`qemu.d/${name}/prepare/begin`, "grep -q '<name>win</name>'");
  const each = `${HOOKS}/qemu win$i prepare begin - </tmp/guest.xml && echo $i >>/run/done &`;
  await machine.ns.bash(`for i in {0..49}; do ${each} done; wait`);
  assertEquals(machine.ns.read("/run/done").trim().split("\n").length, 50);
});

Deno.test("the daemon of a user's own session: hooks say yes at once and do nothing", async () => {
  await using machine = await TestMachine.up();
  machine.noteEvents("win");
  const home = "/tmp/session";
  const user = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/env"];
  const environment = [`HOME=${home}`, `XDG_RUNTIME_DIR=${home}`];
  await machine.ns.bash(`mkdir -p ${home}; chown 65534:65534 ${home}`);
  const daemon = machine.ns.spawn([...user, ...environment, "/usr/sbin/libvirtd"]);
  await until("the session's socket", () => machine.ns.has(`${home}/libvirt/libvirt-sock`));
  machine.ns.write("/tmp/session.xml", guest("win"));
  const virsh = (...args: string[]) =>
    machine.ns.run(...user, ...environment, "/usr/bin/virsh", "-q", "-c", "qemu:///session", ...args);
  const { code, stderr } = await virsh("create", "/tmp/session.xml");
  assertEquals(code, 0, stderr);
  assertEquals((await virsh("destroy", "win")).code, 0);
  assertEquals(machine.events, []);
  await machine.ns.signal("TERM", Number(machine.ns.read(`${home}/libvirt/libvirtd.pid`)));
  await daemon.status;
});
