import { assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import { dinit } from "../../lib/host/inits/dinit.ts";
import type { Init } from "../../lib/host/inits/init.ts";
import { openrc } from "../../lib/host/inits/openrc.ts";
import { runit } from "../../lib/host/inits/runit.ts";
import { s6 } from "../../lib/host/inits/s6.ts";
import { descendants } from "../../lib/host/processes.ts";
import type { System } from "../../lib/system.ts";
import { Box, show } from "../init-box.ts";

Deno.test("each tells its host by pid 1, OpenRC by its folder; dinit's pid 1 is called as the link to it is", () => {
  const pid1 = (args: string, more = {}) => new Box({ 1: [0, args, more] }).system;
  const hosts: readonly (readonly [System, Init])[] = [
    [new Box({ 1: [0, "/sbin/init"] }, {}, { "/run/openrc/softlevel": "default\n" }).system, openrc],
    [pid1("runit"), runit],
    [pid1("s6-svscan -X3 -- /run/service"), s6],
    [pid1("/usr/bin/dinit"), dinit],
    [pid1("/sbin/init", { exe: "/usr/bin/dinit" }), dinit],
  ];
  for (const [system, own] of hosts) {
    assertEquals([openrc, runit, s6, dinit].filter((init) => init.here(system)).map(({ name }) => name), [own.name]);
  }
  assertEquals([openrc, runit, s6, dinit].some((init) => init.here(pid1("/sbin/init", { exe: "/sbin/init" }))), false);
});

Deno.test("what a person can run, and what login prompts are called", () => {
  assertEquals([openrc, runit, s6, dinit].map((init) => init.status("lightdm.service")), [
    "rc-service lightdm status",
    "sv status lightdm",
    "s6-svstat /run/service/lightdm",
    "dinitctl status lightdm",
  ]);
  assertEquals([openrc, runit, s6, dinit].map((init) => init.gettys("tty1")[0]), [
    "agetty.tty1",
    "agetty-tty1",
    "agetty-tty1",
    "agetty-tty1",
  ]);
});

for (const init of [openrc, runit, s6, dinit]) {
  Deno.test(`${init.name}: no order for what may be an option or a path, and for no names no question`, async () => {
    const box = new Box();
    for (const name of ["-d", "--force", "../lightdm", "/etc/init.d/lightdm", "", ".service", "a b"]) {
      await assertRejects(() => init.order(box.system, "stop", name, 1000), AidError, "is no name of a service");
    }
    assertEquals(await init.show(box.system, []), []);
    assertEquals(box.ran, []);
  });
}

/** What `sv status` of runit 2.1.2 prints. */
const SV_LINES = `run: lightdm: (pid 812) 93s
run: slow: (pid 10101) 0s, want down, got TERM
down: crash: 0s, normally up, want up
down: dead: 0s
down: stopped: 0s, normally up
finish: fin: (pid 10583) 0s, want down
finish: again: (pid 10584) 0s
run: logged: (pid 10567) 0s; run: log: (pid 10561) 0s, want down
run: paused: (pid 10568) 7s, normally down, paused, want down
fail: nobody: unable to change to service directory: file does not exist
warning: unsupervised: unable to open supervise/ok: file does not exist
`;

Deno.test("runit: all states by one question; what sv does not know is inactive, though it fails", async () => {
  const names = [
    "unsupervised",
    "lightdm",
    "slow",
    "crash",
    "dead",
    "stopped",
    "fin",
    "again",
    "logged",
    "paused",
    "nobody",
  ];
  const box = new Box({}, { [`/usr/bin/sv status ${names.join(" ")}`]: [SV_LINES, 2] });
  assertEquals((await show(runit, box, ...names)).map((line) => line.split(" ").join(": ")), [
    "unsupervised: inactive",
    "lightdm: active",
    "slow: stopping",
    "crash: starting",
    "dead: inactive",
    "stopped: inactive",
    "fin: stopping",
    "again: starting",
    "logged: active",
    "paused: stopping",
    "nobody: inactive",
  ]);
});

Deno.test("runit: an sv that cannot be used is an error", async () => {
  const box = new Box({}, { "/usr/bin/sv status lightdm": ["", 100, "usage: sv [-v] [-w sec] command service ...\n"] });
  await assertRejects(() => show(runit, box, "lightdm"), AidError, "/usr/bin/sv status lightdm: usage: sv");
});

Deno.test("runit: a start waits until it shows, and one that takes longer is given all the same", async () => {
  const fail = "fail: nobody: unable to change to service directory: file does not exist\n";
  const box = new Box({}, {
    "/usr/bin/sv down lightdm": [""],
    "/usr/bin/sv -w 2 start lightdm": ["ok: run: lightdm: (pid 10833) 1s\n"],
    "/usr/bin/sv -w 2 start slow": ["timeout: down: slow: 1s, normally up, want up\n", 1],
    "/usr/bin/sv down nobody": [fail, 1],
    "/usr/bin/sv -w 2 start gone": ["warning: gone: unable to open supervise/ok: file does not exist\n", 1],
  });
  await runit.order(box.system, "stop", "lightdm.service", 5000);
  await runit.order(box.system, "start", "lightdm", 5000);
  await runit.order(box.system, "start", "slow", 5000);
  await assertRejects(() => runit.order(box.system, "stop", "nobody", 5000), AidError, fail.trim());
  await assertRejects(() => runit.order(box.system, "start", "gone", 5000), AidError, "unable to open supervise/ok");
});

Deno.test("runit: processes are those that sv names, and what these have started; a logger is none", async () => {
  const box = new Box({
    1: [0, "runit"],
    300: [1, "runsvdir -P /run/runit/runsvdir/current"],
    310: [300, "runsv lightdm"],
    309: [310, "svlogd -tt /var/log/lightdm"],
    311: [310, "/usr/bin/lightdm"],
    312: [311, "/usr/lib/Xorg"],
    320: [300, "runsv sshd"],
    321: [320, "svlogd -tt /var/log/sshd"],
    330: [300, "runsv fin"],
    331: [330, "/bin/sh ./finish"],
  }, {
    "/usr/bin/sv status lightdm": ["run: lightdm: (pid 311) 45s; run: log: (pid 309) 45s\n"],
    "/usr/bin/sv status sshd": ["down: sshd: 3s, normally up; run: log: (pid 321) 45s\n"],
    "/usr/bin/sv status fin": ["finish: fin: (pid 331) 0s, want down\n"],
    "/usr/bin/sv status nobody": ["fail: nobody: unable to change to service directory: file does not exist\n", 1],
  });
  const of = (name: string) => runit.processes(box.system, name);
  assertEquals(await of("lightdm.service"), [311, 312]);
  assertEquals([await of("sshd"), await of("fin"), await of("nobody"), await of("--x")], [[], [331], [], []]);
});

Deno.test("runit: the end of the host", async () => {
  const stopping = (parent: number, args: string) =>
    runit.isStopping(new Box({ 1: [0, "runit"], 321: [1, "sshd"], 900: [parent, args] }).system);
  assertEquals([await stopping(321, "vi /etc/runit/3"), await stopping(1, "/bin/sh /etc/runit/3")], [false, true]);
});

Deno.test("descendants: of several, none of them itself, and no ring goes on for ever", () => {
  const { system } = new Box({
    1: [0, "init"],
    2: [1, "a"],
    3: [2, "b"],
    4: [3, "c"],
    5: [6, "d"],
    6: [5, "e"],
    7: [1, "f"],
  });
  assertEquals(descendants(system, [2, 3]), [4]);
  assertEquals(descendants(system, [2, 7]), [3, 4]);
  assertEquals(descendants(system, []), []);
});
