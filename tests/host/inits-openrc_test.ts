import { assert, assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import { openrc } from "../../lib/host/inits/openrc.ts";
import { Box, type Process, show } from "../init-box.ts";
import { hostOf, on } from "../on-host.ts";
import type { ServiceSpec } from "../simulated/desktop.ts";
import { singleGpu } from "../simulated/gpu-machines.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { withInit } from "../simulated/inits.ts";

/** A program of root's. */
const roots = (args: string): Process => [1, args, { status: "Uid:\t0\t0\t0\t0\n" }];

Deno.test("OpenRC: states are links; nothing is run for them", async () => {
  const changing = {
    20: roots("/sbin/openrc-run /etc/init.d/sddm --lockfd 5 start"),
    21: roots("/sbin/rc-service --nodeps -- slim stop"),
  };
  const box = new Box(changing, {}, {
    "/run/openrc/started/lightdm": "/etc/init.d/lightdm",
    "/run/openrc/starting/sddm": "/etc/init.d/sddm",
    "/run/openrc/stopping/slim": "/etc/init.d/slim",
    "/run/openrc/inactive/xdm": "/etc/init.d/xdm",
  });
  const names = ["xdm", "lightdm.service", "slim", "sddm", "nobody", "../started/lightdm"];
  assertEquals(await show(openrc, box, ...names), [
    "xdm inactive",
    "lightdm active",
    "slim stopping",
    "sddm starting",
    "nobody inactive",
    "../started/lightdm inactive",
  ]);
  assertEquals(box.ran, []);
});

Deno.test("OpenRC: processes by control group, in each of its forms", async () => {
  const group = (cgroup: string) => ({ cgroup });
  const box = new Box({
    1: [0, "/sbin/init"],
    10: [1, "/usr/sbin/lightdm", group("0::/openrc.lightdm\n")],
    11: [1, "/usr/sbin/lightdm", group("1:name=openrc:/lightdm\n0::/\n")],
    12: [1, "/usr/sbin/lightdm", group("0::/lightdm\n")],
    13: [10, "/bin/bash", group("1:name=elogind:/lightdm\n0::/c1\n")],
    14: [1, "/usr/sbin/sshd", group("0::/openrc.lightdm2\n")],
  });
  assertEquals(await openrc.processes(box.system, "lightdm.service"), [10, 11, 12]);
});

Deno.test("OpenRC: without control groups, by supervise-daemon, and by the command that its script has left", async () => {
  const box = new Box(
    {
      1: [0, "/sbin/init"],
      425: [1, "supervise-daemon sddm --start /usr/bin/sddm --"],
      426: [425, "/usr/bin/sddm"],
      427: [426, "/usr/lib/Xorg"],
      500: [1, "/usr/sbin/lightdm"],
      501: [500, "/usr/lib/Xorg"],
      600: [700, "vi /usr/sbin/lightdm"],
    },
    {},
    { "/run/openrc/options/lightdm/command": "/usr/sbin/lightdm" },
  );
  assertEquals(await openrc.processes(box.system, "sddm"), [425, 426, 427]);
  assertEquals(await openrc.processes(box.system, "lightdm"), [500, 501]);
  assertEquals(await openrc.processes(box.system, "nobody"), []);
});

Deno.test("OpenRC: the host goes down by its runlevel; when runlevels are switched it does not", async () => {
  const stopping = (level: string) =>
    openrc.isStopping(new Box({}, {}, { "/run/openrc/softlevel": `${level}\n`, "/run/openrc/rc.stopping": "" }).system);
  assertEquals(await stopping("default"), false);
  assertEquals([await stopping("shutdown"), await stopping("single")], [true, true]);
});

Deno.test("OpenRC: what a killed change has left is no change; the daemon tells how it is", async () => {
  const box = new Box(
    {
      10: [1, "/usr/sbin/slim -d"],
      20: [1, "vi /etc/init.d/sddm start"],
      21: [1, "/sbin/openrc-run /etc/init.d/sddm start", { status: "Uid:\t1000\t1000\t1000\t1000\n" }],
      22: roots("/sbin/openrc-run /etc/init.d/other start"),
      23: roots("/sbin/rc-service sddm status"),
    },
    {},
    {
      "/run/openrc/starting/sddm": "/etc/init.d/sddm",
      "/run/openrc/stopping/slim": "/etc/init.d/slim",
      "/run/openrc/daemons/slim/001": "exec=/usr/sbin/slim\nargv_0=-d\npidfile=/run/slim.pid\n",
    },
  );
  assertEquals(await show(openrc, box, "sddm", "slim"), ["sddm inactive", "slim active"]);
});

Deno.test("OpenRC: one whose daemon is gone has crashed, if OpenRC says so too", async () => {
  const ask = (name: string) => `/sbin/rc-service --ifcrashed -- ${name} status`;
  const note = (program: string) => `exec=${program}\npidfile=/run/a.pid\n`;
  const group = { cgroup: "0::/openrc.straggler\n" };
  const box = new Box(
    {
      10: [1, "/usr/sbin/lightdm"],
      11: [1, "a-very-long-name-of-a-program"],
      12: [1, "supervise-daemon agetty.tty1 --start /sbin/agetty"],
      13: [1, "/sbin/agetty tty3"],
      14: [1, "gpg-agent --daemon", group],
    },
    { [ask("gone")]: ["", 32], [ask("agetty.tty2")]: ["", 64], [ask("renamed")]: [""], [ask("straggler")]: ["", 32] },
    {
      ...Object.fromEntries(
        ["lightdm", "long", "gone", "renamed", "straggler", "agetty.tty1", "agetty.tty2", "oneshot"].map((
          name,
        ) => [`/run/openrc/started/${name}`, ""]),
      ),
      "/run/openrc/daemons/lightdm/001": note("/usr/sbin/lightdm"),
      "/run/openrc/daemons/long/001": note("/opt/a-very-long-name-of-a-program"),
      "/run/openrc/daemons/gone/001": note("/usr/bin/gone"),
      "/run/openrc/daemons/renamed/001": note("/usr/bin/wrapper"),
      "/run/openrc/daemons/straggler/001": note("/usr/bin/straggler"),
      "/run/openrc/daemons/agetty.tty1/001": note("/sbin/agetty"),
      "/run/openrc/daemons/agetty.tty2/001": note("/sbin/agetty"),
      "/run/openrc/options/agetty.tty2/child_pid": "700",
    },
  );
  const names = ["lightdm", "long", "gone", "renamed", "straggler", "agetty.tty1", "agetty.tty2", "oneshot"];
  assertEquals(
    (await show(openrc, box, ...names)).filter((line) => line.endsWith(" inactive")),
    ["gone inactive", "straggler inactive", "agetty.tty2 inactive"],
  );
  assertEquals(box.ran, ["gone", "renamed", "straggler", "agetty.tty2"].map(ask));
});

const LIMIT_MS = 5_000;
const SLOW: ServiceSpec = { name: "slow", processes: [{ comm: "slow", args: ["/usr/bin/slow"] }] };

/** A host with that service, but for something. */
const hostWith = (more: Partial<ServiceSpec> = {}) =>
  hostOf({ ...withInit(singleGpu, "OpenRC", "startx", "0000:03:00.0"), services: [{ ...SLOW, ...more }] });
const order = (host: SimulatedHost, what: "start" | "stop") =>
  on(host, (system) => openrc.order(system, what, "slow.service", LIMIT_MS));
const shown = async (host: SimulatedHost) => (await on(host, (system) => openrc.show(system, ["slow"])))[0]!.state;
const changes = (host: SimulatedHost) =>
  host.operations.filter(({ kind }) => kind === "service").map(({ subject }) => subject);
const rcService = (host: SimulatedHost) =>
  [...host.processes.all.values()].find(({ spec }) => spec.comm === "rc-service");

Deno.test("OpenRC: down and up again; a stop is none for what is stopped", async () => {
  const host = hostWith();
  const seen: string[] = [];
  const real = host.commands.get("/sbin/rc-service")!;
  host.commands.set("/sbin/rc-service", (host, args, stdin) => {
    seen.push(args.join(" "));
    return real(host, args, stdin);
  });
  for (const what of ["stop", "stop", "start"] as const) {
    await order(host, what);
    assertEquals(await shown(host), what === "start" ? "active" : "inactive");
  }
  // alone, as nothing would start again what needs it; what it needs is started with it
  assertEquals(seen, ["--nodeps -- slow stop", "-- slow start"]);
});

Deno.test("OpenRC: a change that takes longer than it may is not killed in the middle of it", async () => {
  const starts = hostWith({ state: "down", startsAfter: LIMIT_MS * 2 });
  await order(starts, "start");
  assertEquals(await shown(starts), "starting");
  assert(await on(starts, (system) => system.until(() => starts.services.get("slow")!.state === "up", 60_000)));
  assertEquals([await shown(starts), rcService(starts)], ["active", undefined]);
  const stops = hostWith({ processes: [{ ...SLOW.processes[0]!, endsAfter: 4_000 }] });
  await on(stops, (system) => openrc.order(system, "stop", "slow", 1_000));
  assertEquals([await shown(stops), await on(stops, (system) => openrc.left!(system, "slow"))], [
    "stopping",
    [rcService(stops)!.pid, stops.services.get("slow")!.main!.pid],
  ]);
  assert(await on(stops, (system) => system.until(() => stops.services.get("slow")!.state === "down", 60_000)));
});

Deno.test("OpenRC: a start waits for a stop that somebody else has ordered", async () => {
  const host = hostWith({ processes: [{ ...SLOW.processes[0]!, endsAfter: 2_000 }] });
  await on(host, async (system) => {
    system.start("/sbin/rc-service", ["--", "slow", "stop"]);
    await system.until(() => host.services.get("slow")!.state === "stopping", 1_000);
    await openrc.order(system, "start", "slow", LIMIT_MS);
  });
  assertEquals([changes(host), await shown(host)], [["stop slow", "start slow"], "active"]);
});

Deno.test("OpenRC: an order that does not get its turn is an error; a start that somebody else has ordered is as good", async () => {
  const stopping = hostWith({ processes: [{ ...SLOW.processes[0]!, endsAfter: 4_000 }] });
  const starting = hostWith({ state: "down", startsAfter: 60_000 });
  const orders = (host: SimulatedHost, theirs: string, ours: "start" | "stop") =>
    on(host, async (system) => {
      system.start("/sbin/rc-service", ["--", "slow", theirs]);
      await system.until(
        () => host.services.get("slow")!.state === `${theirs}${theirs === "stop" ? "p" : ""}ing`,
        1_000,
      );
      await openrc.order(system, ours, "slow", 1_000);
    });
  await assertRejects(() => orders(stopping, "stop", "start"), AidError, "slow is already stopping");
  await assertRejects(() => orders(starting, "start", "stop"), AidError, "slow is already starting");
  await orders(starting, "start", "start");
  assertEquals([changes(stopping), await shown(starting)], [["stop slow"], "starting"]);
});

Deno.test("OpenRC: a start that was killed in the middle is made up for", async () => {
  const host = hostWith({ state: "down", startsAfter: 1_000 });
  await on(host, async (system) => {
    system.start("/sbin/rc-service", ["--", "slow", "start"]);
    assert(await system.until(() => host.services.get("slow")!.state === "starting", 1_000));
    host.processes.kill(rcService(host)!.pid);
    assertEquals(system.list("/run/openrc/starting"), ["slow"]);
  });
  assertEquals(await shown(host), "inactive");
  await order(host, "start");
  assertEquals([await shown(host), host.services.get("slow")!.state], ["active", "up"]);
});

Deno.test("OpenRC: one that has crashed comes up again, and stops", async () => {
  for (const what of ["start", "stop"] as const) {
    const host = hostWith();
    host.processes.signal(host.services.get("slow")!.main!.pid, "KILL");
    const links = await on(host, (system) => system.list("/run/openrc/started"));
    assertEquals([links, await shown(host)], [["slow"], "inactive"]);
    await order(host, what);
    assertEquals(await shown(host), what === "start" ? "active" : "inactive");
  }
});

Deno.test("OpenRC: what fails is an error that says what to run, and so is a program that is missing", async () => {
  const host = hostWith();
  host.fault({ name: "service-stop-fails" });
  const line = "/sbin/rc-service --nodeps -- slow stop";
  const error = await assertRejects(() => order(host, "stop"), AidError, `${line} has failed`);
  assertEquals(error.hint, `run it yourself: ${line}`);
  host.commands.delete("/sbin/rc-service");
  await assertRejects(() => order(host, "stop"), AidError, "/sbin/rc-service: ");
});

Deno.test("OpenRC: a stop waits for the daemon, and not for what else its control group has", async () => {
  const host = hostWith();
  const cgroup = "/openrc.slow";
  const { pid } = host.processes.spawn({ comm: "gpg-agent", args: ["gpg-agent", "--daemon"], uid: 1000, cgroup });
  const main = host.services.get("slow")!.main!.pid;
  const both = (host: SimulatedHost) =>
    on(host, async (system) => [await openrc.processes(system, "slow"), await openrc.left!(system, "slow")]);
  assertEquals(await both(host), [[pid, main].sort(), [main]]);
  await order(host, "stop");
  assertEquals(await both(host), [[pid], []]);
});
