import { assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import { dinit } from "../../lib/host/inits/dinit.ts";
import { s6 } from "../../lib/host/inits/s6.ts";
import { Box, type Process, show } from "../init-box.ts";

const S6_LIST = "/usr/bin/s6-rc -b -a list";
const FOLDERS = "/run/s6-rc:s6-rc-init:x6IXPO/servicedirs";
const supervised = (name: string): Process => [1, `s6-supervise ${name}`, { cwd: `${FOLDERS}/${name}` }];
const svstat = (name: string) => `/usr/bin/s6-svstat -o up,wantedup -- ${FOLDERS}/${name}`;
/** Services with a supervisor each; that of a user is none of the host's. */
const S6_PROCESSES: Readonly<Record<number, Process>> = {
  1: [0, "s6-svscan -X3 -- /run/service"],
  10: supervised("lightdm-srv"),
  11: supervised("lightdm-log"),
  12: supervised("sddm"),
  13: supervised("slow"),
  14: supervised("crash"),
  20: [10, "/usr/bin/lightdm"],
  21: [20, "/usr/lib/Xorg"],
  30: [1, "s6-svscan /home/ann/service"],
  31: [30, "s6-supervise greetd", { cwd: "/home/ann/service/greetd" }],
};

Deno.test("s6: what s6-rc has up, and whether it is; the real name of one with a logger", async () => {
  const list = "s6rc-oneshot-runner\ns6rc-fdholder\ncrash\nlightdm-log\nlightdm-srv\nslow\nmount\n";
  const box = new Box(S6_PROCESSES, {
    [S6_LIST]: [list],
    [svstat("lightdm-srv")]: ["true true\n"],
    [svstat("slow")]: ["true false\n"],
    [svstat("crash")]: ["false true\n"],
  });
  assertEquals(await show(s6, box, "sddm", "lightdm.service", "slow", "crash", "nobody", "greetd", "mount"), [
    "sddm inactive",
    "lightdm-srv active",
    "slow stopping",
    "crash starting",
    "nobody inactive",
    "greetd inactive",
    "mount active",
  ]);
});

Deno.test("s6: a start sees to it that the supervisor wants it too; a stop that takes too long is said", async () => {
  const folder = `${FOLDERS}/lightdm-srv`;
  const stop = "/usr/bin/s6-rc -b -t 4500 -d change slow";
  const late = "s6-rc: fatal: timed out\ns6-svlisten1: fatal: timed out\n";
  const unknown = "s6-rc: fatal: nobody is not a recognized identifier in /run/s6-rc/resolve.cdb\n";
  const box = new Box(S6_PROCESSES, {
    "/usr/bin/s6-rc -b -t 4500 -u change lightdm-srv": [""],
    [`/usr/bin/s6-svc -u -- ${folder}`]: [""],
    [stop]: ["", 2, late],
    "/usr/bin/s6-rc -b -t 4500 -u change nobody": ["", 3, unknown],
  });
  await s6.order(box.system, "start", "lightdm", 5000);
  assertEquals(box.ran.length, 2);
  await assertRejects(() => s6.order(box.system, "stop", "slow", 5000), AidError, `${stop}: s6-rc: fatal: timed out`);
  await assertRejects(() => s6.order(box.system, "start", "nobody", 5000), AidError, "not a recognized identifier");
});

Deno.test("s6: processes below the supervisor, and the end of the host", async () => {
  const box = (more: Readonly<Record<number, Process>> = {}) => new Box({ ...S6_PROCESSES, ...more }).system;
  assertEquals(await s6.processes(box(), "lightdm"), [20, 21]);
  assertEquals(await s6.processes(box(), "greetd"), []);
  const shutdownd: Process = [1, "s6-linux-init-shutdownd -c /etc/s6/current -g 3000"];
  const script = "/etc/s6/current/scripts/rc.shutdown";
  assertEquals(await s6.isStopping(box({ 40: shutdownd, 50: [21, `vi ${script}`] })), false);
  assertEquals(await s6.isStopping(box({ 40: shutdownd, 50: [40, `/bin/sh -e ${script}`] })), true);
});

const DINIT_LIST = "/usr/bin/dinitctl list";
/** What dinitctl of dinit 0.23.0pre prints; the last two by its source. */
const DINIT_LINES = `[[+]     ] boot
[{+}     ] lightdm (pid: 15015)
[[+]     ] again (pid: 15274)
[   >>{ }] slow (pid: 15016)
[[ ]>>   ] back (pid: 15016)
[     {X}] crash (exit status: 1)
[{ }<<   ] dependent (pid: 15025)
[[ ]<<   ] starter (pid: 15321)
[     {-}] stopped
[{s}     ] skipped (has console)
[   <<{ }] dropped
`;

Deno.test("dinit: all states by one question; what is not loaded is inactive", async () => {
  const box = new Box({}, { [DINIT_LIST]: [DINIT_LINES] });
  const names = [
    "nobody",
    "lightdm.service",
    "again",
    "slow",
    "back",
    "crash",
    "dependent",
    "starter",
    "stopped",
    "skipped",
  ];
  assertEquals(await show(dinit, box, ...names, "dropped"), [
    "nobody inactive",
    "lightdm active",
    "again active",
    "slow stopping",
    "back stopping",
    "crash inactive",
    "dependent starting",
    "starter starting",
    "stopped inactive",
    "skipped active",
    "dropped stopping",
  ]);
});

Deno.test("dinit: orders; others that depend on a service forbid its stop", async () => {
  const refusal = "dinitctl: cannot stop service 'needed' due to the following dependents:\n  dependent\n";
  const box = new Box({}, {
    "/usr/bin/dinitctl stop --no-wait lightdm": ["Issued stop command successfully for service 'lightdm'.\n"],
    "/usr/bin/dinitctl start --no-wait lightdm": ["Service (already) started.\n"],
    "/usr/bin/dinitctl stop --no-wait needed": ["", 1, refusal],
  });
  await dinit.order(box.system, "stop", "lightdm.service", 5000);
  await dinit.order(box.system, "start", "lightdm", 5000);
  await assertRejects(() => dinit.order(box.system, "stop", "needed", 5000), AidError, "cannot stop service 'needed'");
});

Deno.test("dinit: the process and those below it; none of a service that is down", async () => {
  const processes: Readonly<Record<number, Process>> = {
    1: [0, "dinit"],
    15015: [1, "/usr/bin/lightdm"],
    15017: [15015, "/usr/lib/Xorg"],
    15018: [15017, "/usr/bin/sh"],
    15019: [1, "/usr/bin/sshd"],
  };
  const box = new Box(processes, { [DINIT_LIST]: [DINIT_LINES] });
  assertEquals(await dinit.processes(box.system, "lightdm"), [15015, 15017, 15018]);
  assertEquals(await dinit.processes(box.system, "crash"), []);
});

Deno.test("dinit: the host goes down when boot is not to be up, or nothing is", async () => {
  const stopping = (lines: string) => dinit.isStopping(new Box({}, { [DINIT_LIST]: [lines] }).system);
  assertEquals(await stopping(DINIT_LINES), false);
  assertEquals(await stopping("[[ ]<<   ] boot\n[     {-}] lightdm\n"), false);
  assertEquals(await stopping("[     {-}] boot\n[     {-}] lightdm\n[   >>{ }] slow (pid: 15515)\n"), true);
  assertEquals(await stopping("[[+]     ] single\n"), false);
  assertEquals(await stopping("[     {-}] single\n[   >>{ }] slow (pid: 15515)\n"), true);
});
