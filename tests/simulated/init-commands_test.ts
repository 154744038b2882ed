/** What the programs of other init systems than systemd say on the simulated host. */

import { assert, assertEquals } from "@std/assert";
import type { System } from "../../lib/system.ts";
import { singleGpu } from "./gpu-machines.ts";
import { type OtherInit, withInit } from "./inits.ts";
import { hostOf, on, runPath as run } from "./on.ts";

const CARD = "0000:03:00.0";

const hostWith = (init: OtherInit) => hostOf(withInit(singleGpu, init, "lightdm", CARD));
const field = (system: System, pid: number, at: number) =>
  system.read(`/proc/${pid}/stat`)!.split(") ")[1]!.split(" ")[at];

Deno.test("OpenRC: links that show states, groups, and what rc-service says", async () => {
  const host = hostWith("OpenRC");
  await on(host, async (system) => {
    const started = () => system.list("/run/openrc/started");
    assertEquals([system.read("/run/openrc/softlevel"), started()], ["default", ["display-manager"]]);
    assertEquals(system.link("/run/openrc/started/display-manager"), "/etc/init.d/display-manager");
    assertEquals(system.read(`/proc/${host.pci.users(host.pci.at(CARD))[0]}/cgroup`), "0::/openrc.display-manager\n");
    const rc = (args: string) => run(system, `/sbin/rc-service ${args}`);
    assertEquals(await rc("display-manager start"), {
      code: 0,
      said: " * WARNING: display-manager has already been started\n",
    });
    assertEquals(await rc("nothing stop"), { code: 1, said: " * rc-service: service `nothing' does not exist\n" });
    const stopping = rc("--nodeps display-manager stop");
    assert(await system.until(() => system.list("/run/openrc/stopping").length === 1, 500, 1));
    assertEquals(started(), []);
    assertEquals((await stopping).said, " * Stopping display-manager ... [ ok ]\n");
    assertEquals([system.list("/run/openrc/stopping"), started()], [[], []]);
    await rc("display-manager start");
    host.processes.kill(host.services.get("display-manager")!.main!.pid);
    assertEquals(
      [started(), host.services.get("display-manager")!.main],
      [["display-manager"], undefined],
      "it has crashed",
    );
    const status = "--ifcrashed -- display-manager status";
    assertEquals([(await rc(status)).code, (await rc("display-manager zap start")).code], [32, 0]);
    assertEquals([(await rc(status)).code, started()], [0, ["display-manager"]]);
  });
});

Deno.test("OpenRC: a stop gives up after five seconds", async () => {
  const spec = { name: "slow", processes: [{ comm: "slow", args: ["slow"], ignoresTerm: true }] };
  const host = hostOf({ ...withInit(singleGpu, "OpenRC", "startx", CARD), services: [spec] });
  await on(host, async (system) => {
    assertEquals(await run(system, "/sbin/rc-service slow stop"), { code: 1, said: " * ERROR: slow failed to stop\n" });
    assertEquals(system.list("/run/openrc/started"), ["slow"]);
  });
});

Deno.test("runit: what sv says, and who keeps a service", async () => {
  const host = hostWith("runit");
  await on(host, async (system) => {
    const sv = (args: string) => run(system, `/usr/bin/sv ${args}`);
    const { pid, parent } = host.services.get("lightdm")!.main!;
    assertEquals(system.read(`/proc/${parent}/cmdline`), "runsv\0lightdm\0");
    assertEquals(system.read(`/proc/${field(system, parent, 1)}/comm`), "runsvdir\n");
    assertEquals([system.read("/proc/1/comm"), system.read(`/proc/${pid}/cgroup`)], ["runit\n", "0::/\n"]);
    await system.until(() => false, 3_100);
    assertEquals(await sv("status lightdm x"), {
      code: 1,
      said: `run: lightdm: (pid ${pid}) 3s\nfail: x: unable to change to service directory: file does not exist\n`,
    });
    assertEquals((await sv("-w 7 start lightdm")).said, `ok: run: lightdm: (pid ${pid}) 3s\n`);
    assertEquals(await sv("down lightdm"), { code: 0, said: "" });
    assert(await system.until(() => host.pci.users(host.pci.at(CARD)).length === 0, 1_000));
    assert(await system.until(() => host.services.get("lightdm")!.state === "down", 1_000));
    assertEquals(await sv("status lightdm"), { code: 0, said: "down: lightdm: 0s, normally up\n" });
    await sv("up lightdm");
    host.processes.kill(host.services.get("lightdm")!.main!.pid);
    assertEquals((await sv("status lightdm")).said, "down: lightdm: 0s, normally up, want up\n");
    assert(await system.until(() => host.services.get("lightdm")!.state === "up", 2_000), "runsv starts it again");
  });
});

Deno.test("s6: what is active, and a change that takes too long", async () => {
  const host = hostWith("s6");
  await on(host, async (system) => {
    const list = async () => (await run(system, "/usr/bin/s6-rc -a list")).said;
    const supervisor = host.services.get("lightdm")!.main!.parent;
    assertEquals(await list(), "lightdm-srv\n");
    assertEquals(
      system.read(`/proc/${supervisor}/cmdline`),
      "s6-supervise\0lightdm-srv\0",
    );
    assertEquals(await run(system, "/usr/bin/s6-rc -d -t 50 change lightdm-srv"), {
      code: 2,
      said: "s6-rc: fatal: timed out\n",
    });
    assert(await system.until(() => host.services.get("lightdm")!.state === "down", 1_000));
    const folder = system.link(`/proc/${supervisor}/cwd`)!;
    const svstat = async () => (await run(system, `/usr/bin/s6-svstat -o up,wantedup -- ${folder}`)).said;
    assertEquals([await list(), await svstat()], ["lightdm-srv\n", "false false\n"], "it was not seen to end");
    assertEquals((await run(system, "/usr/bin/s6-rc -b -u change lightdm")).code, 0);
    assertEquals(await svstat(), "false false\n", "there is nothing to do, s6-rc thinks");
    assertEquals([(await run(system, `/usr/bin/s6-svc -u -- ${folder}`)).code, await svstat()], [0, "true true\n"]);
    assertEquals([(await run(system, "/usr/bin/s6-rc -d change lightdm")).code, await list()], [0, ""]);
    assertEquals([(await run(system, "/usr/bin/s6-rc -u change lightdm")).code, await list()], [0, "lightdm-srv\n"]);
    assertEquals((await run(system, "/usr/bin/s6-rc change nothing")).code, 3);
  });
});

Deno.test("dinit: what dinitctl says", async () => {
  const host = hostWith("dinit");
  await on(host, async (system) => {
    const dinitctl = (args: string) => run(system, `/usr/bin/dinitctl ${args}`);
    const pid = () => host.services.get("lightdm")!.main?.pid;
    assertEquals((await dinitctl("list")).said, `[{+}     ] boot\n[{+}     ] lightdm (pid: ${pid()})\n`);
    assertEquals(
      (await dinitctl("status lightdm")).said,
      "Service: lightdm\n    File: /etc/dinit.d/lightdm\n    State: STARTED\n" +
        `    Activation: start due to dependent(s)\n    Process ID: ${pid()}\n`,
    );
    assertEquals(
      (await dinitctl("--no-wait stop lightdm")).said,
      "Issued stop command successfully for service 'lightdm'.\n",
    );
    assertEquals((await dinitctl("list")).said, `[{+}     ] boot\n[   >>{ }] lightdm (pid: ${pid()})\n`);
    assertEquals((await dinitctl("stop lightdm")).said, "Service 'lightdm' stopped.\n");
    assertEquals((await dinitctl("list")).said, "[{+}     ] boot\n[     {-}] lightdm\n");
    assertEquals((await dinitctl("start lightdm")).said, "Service 'lightdm' started.\n");
    assertEquals((await dinitctl("list")).said, `[{+}     ] boot\n[[+]     ] lightdm (pid: ${pid()})\n`);
    assertEquals((await dinitctl("start lightdm")).said, "Service (already) started.\n");
    host.processes.kill(pid()!);
    assertEquals((await dinitctl("list")).said, "[{+}     ] boot\n[     {X}] lightdm (signal: 9)\n");
    assertEquals(await dinitctl("status x"), { code: 1, said: "dinitctl: service not loaded.\n" });
    assertEquals((await dinitctl("stop -- lightdm")).code, 1);
  });
});

Deno.test("a host that goes down: what each init system shows of it", async () => {
  for (
    const [init, file, text] of [
      ["OpenRC", "/run/openrc/softlevel", "shutdown"],
      ["runit", "cmdline", "/bin/sh\0/etc/runit/3\0"],
      ["s6", "cmdline", "/bin/sh\0-e\0/etc/s6/current/scripts/rc.shutdown\0reboot\0"],
    ] as const
  ) {
    const host = hostWith(init);
    await on(host, (system) => {
      const seen = () =>
        file === "cmdline" ? [...host.processes.all.keys()].map((pid) => system.read(`/proc/${pid}/${file}`)) : [
          system.read(file),
        ];
      assert(!seen().includes(text));
      host.shutDown();
      assert(seen().includes(text));
    });
  }
  const host = hostWith("dinit");
  await on(host, async (system) => {
    host.shutDown();
    assertEquals((await run(system, "/usr/bin/dinitctl start lightdm")).code, 1);
    assertEquals((await run(system, "/usr/bin/dinitctl list")).said.includes("+"), false);
  });
});
