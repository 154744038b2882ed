// User scripts that fail, that leave something behind, that are not safe to run as root. Those that hang: deadlines_test.ts.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { guest } from "./guest.ts";
import { EVENTS, HOOKS, TestMachine } from "./machine.ts";

Deno.test("a script that fails at prepare, start or started fails the start, and virsh shows its last line", async () => {
  await using machine = await TestMachine.up();
  for (const [i, event] of EVENTS.slice(0, 3).entries()) {
    machine.noteEvents("win");
    machine.script(`qemu.d/win/${event}`, `echo "$*" >>/run/events; echo the first; echo no room >&2; exit 7`);
    const { code, stderr } = await machine.create(guest("win"));
    assertEquals(code, 1);
    assertMatch(stderr, /: virt-aid: win: .*\/begin ended with status 7: no room\n/);
    assertEquals(machine.events.length, i + 3, `${machine.events}: stopped and release follow`);
    assertEquals(await machine.state("win"), "");
    await machine.ns.bash("rm /run/events");
  }
});

Deno.test("a script that fails at stopped or release stops nothing, nor the scripts after it", async () => {
  await using machine = await TestMachine.up();
  for (const event of EVENTS.slice(3)) {
    machine.script(`qemu.d/win/${event}/10-fails`, "exit 1");
    machine.script(`qemu.d/win/${event}/20-works`, 'echo "$*" >>/run/events');
  }
  assertEquals((await machine.create(guest("win"))).code, 0);
  await machine.must("destroy", "win");
  assertEquals(machine.events, ["win stopped end -", "win release end -"]);
  assertStringIncludes(machine.log, "10-fails ended with status 1");
});

Deno.test("scripts with children in the background that hold every descriptor keep nobody waiting", async () => {
  await using machine = await TestMachine.up();
  for (const event of EVENTS) {
    machine.script(`qemu.d/win/${event}`, "sleep 1000 & setsid sleep 1000 & echo >>/run/events");
  }
  const began = performance.now();
  assertEquals((await machine.create(guest("win"))).code, 0);
  await machine.must("destroy", "win");
  assert(performance.now() - began < 20_000);
  assertEquals(machine.events.length, 5);
});

Deno.test("a script that others than root can write refuses the start with the remedy; at release it is left out", async () => {
  await using machine = await TestMachine.up();
  const place = `${HOOKS}/qemu.d/win/prepare/begin/10-mine`;
  machine.script("qemu.d/win/prepare/begin/10-mine", "touch /run/was-run", 0o775);
  machine.script("qemu.d/win/release/end", "touch /run/was-run", 0o777);
  const { code, stderr } = await machine.create(guest("win"));
  assertEquals(code, 1);
  assertStringIncludes(stderr, `virt-aid: win: ${place} can be written by others than root: not run as root\n`);
  assertStringIncludes(stderr, `hint: chown root: '${place}'; chmod go-w '${place}'\n`);
  await machine.ns.bash(`chmod go-w '${place}'; chown 65534 '${place}'`);
  assertStringIncludes((await machine.create(guest("win"))).stderr, "belongs to user 65534");
  await machine.ns.bash(`rm '${place}'; ln -s /bin/true '${place}'`);
  assertStringIncludes((await machine.create(guest("win"))).stderr, "is a link that leaves");
  assert(!machine.ns.has("/run/was-run"));
  await machine.ns.bash(`rm '${place}'`);
  assertEquals((await machine.create(guest("win"))).code, 0);
  await machine.must("destroy", "win");
  assert(!machine.ns.has("/run/was-run"));
});

Deno.test("what editors and package managers leave behind is not run, what has no x bit is said in the log", async () => {
  await using machine = await TestMachine.up();
  for (const name of ["10-a~", ".10-a", "10-a.dpkg-old", "10-a"]) {
    machine.script(`qemu.d/win/prepare/begin/${name}`, `echo ${name} >>/run/events`);
  }
  machine.script("qemu.d/win/prepare/begin/20-b", "echo >>/run/events", 0o644);
  assertEquals((await machine.create(guest("win"))).code, 0);
  assertEquals(machine.events, ["10-a"]);
  assertStringIncludes(machine.log, "20-b is not executable and was left out");
});
