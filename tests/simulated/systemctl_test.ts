/** systemctl of the simulated host, as systemd 252 has it. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { System } from "../../lib/system.ts";
import type { UnitSpec } from "./desktop.ts";
import type { SimulatedHost } from "./host.ts";
import { server } from "./machines.ts";
import { hostOf, on, run } from "./on.ts";

const DAEMON = { comm: "daemon", args: ["/usr/sbin/daemon"] } as const;
const BUS = "--user --machine=ann@.host";

/** A host with units, whose user ann has a manager. */
const up = (units: readonly UnitSpec[]): SimulatedHost => hostOf({ ...server, units, linger: [1000] });

/** Properties of units, a list for each block. */
async function show(system: System, properties: string, units: string, bus = ""): Promise<string[][]> {
  const { code, stdout } = await run(system, `systemctl ${bus}${bus && " "}show --property=${properties} -- ${units}`);
  assertEquals(code, 0);
  return stdout.split("\n\n").map((block) => block.trim().split("\n"));
}

Deno.test("show: blocks in the order of systemd, aliases resolved, what is not there included", async () => {
  const host = up([
    { name: "gdm.service", aliases: ["display-manager.service"], processes: [DAEMON, { ...DAEMON, comm: "other" }] },
    { name: "graphical.target" },
    { name: "pipewire.service", user: 1000, slice: "session.slice", triggeredBy: ["pipewire.socket"] },
  ]);
  await on(host, async (system) => {
    const pid = host.systemd.unit("gdm.service")!.main!.pid;
    const all =
      "Job,Id,UnitFileState,TriggeredBy,LoadState,FragmentPath,ActiveState,SubState,MainPID,ControlGroup,Nonsense";
    assertEquals(await show(system, all, "display-manager.service graphical.target none.service"), [
      [
        `MainPID=${pid}`,
        "ControlGroup=/system.slice/gdm.service",
        "Id=gdm.service",
        "TriggeredBy=",
        "LoadState=loaded",
        "ActiveState=active",
        "SubState=running",
        "FragmentPath=/usr/lib/systemd/system/gdm.service",
        "UnitFileState=enabled",
        "Job=",
      ],
      [
        "Id=graphical.target",
        "TriggeredBy=",
        "LoadState=loaded",
        "ActiveState=active",
        "SubState=active",
        "FragmentPath=/usr/lib/systemd/system/graphical.target",
        "UnitFileState=static",
        "Job=",
      ],
      [
        "MainPID=0",
        "ControlGroup=",
        "Id=none.service",
        "TriggeredBy=",
        "LoadState=not-found",
        "ActiveState=inactive",
        "SubState=dead",
        "FragmentPath=",
        "UnitFileState=",
        "Job=",
      ],
    ]);
    assertEquals(await show(system, "ControlGroup,TriggeredBy", "pipewire.service", BUS), [[
      "ControlGroup=/user.slice/user-1000.slice/user@1000.service/session.slice/pipewire.service",
      "TriggeredBy=pipewire.socket",
    ]]);
    assertEquals(await show(system, "LoadState", "pipewire.service"), [["LoadState=not-found"]], "another's unit");
    host.mounted.add("cgroup2");
    assertEquals(system.read("/sys/fs/cgroup/system.slice/gdm.service/cgroup.procs"), `${pid}\n${pid + 1}\n`);
  });
});

Deno.test("show: states on the way, and the job that is the way", async () => {
  const slow = { ...DAEMON, endsAfter: 3_000 };
  const host = up([
    { name: "a.service", state: "activating", startsAfter: 400 },
    { name: "b.service", state: "queued", startsAfter: 400 },
    { name: "c.service", processes: [slow] },
    { name: "d.service", processes: [DAEMON], restart: "always" },
  ]);
  await on(host, async (system) => {
    await run(system, "systemctl stop --no-block -- c.service");
    host.processes.kill(host.systemd.unit("d.service")!.main!.pid);
    const shown = await show(system, "ActiveState,SubState,Job", "a.service b.service c.service d.service");
    assertEquals(shown.map((lines) => lines.slice(0, 2)), [
      ["ActiveState=activating", "SubState=start"],
      ["ActiveState=inactive", "SubState=dead"],
      ["ActiveState=deactivating", "SubState=stop-sigterm"],
      ["ActiveState=activating", "SubState=auto-restart"],
    ]);
    for (const [, , job] of shown.slice(0, 3)) assertMatch(job!, /^Job=\d+$/);
    assertEquals(shown[3]![2], "Job=");
  });
});

Deno.test("mask: a unit that is masked cannot be started by anybody; one that runs goes on", async () => {
  const host = up([{ name: "a.service", processes: [DAEMON], restart: "always" }]);
  const unit = () => host.systemd.unit("a.service")!;
  await on(host, async (system) => {
    assertEquals((await run(system, "systemctl mask --runtime -- a.service sleep.target")).code, 0);
    assertEquals(system.link("/run/systemd/system/sleep.target"), "/dev/null");
    assertEquals((await show(system, "LoadState,ActiveState,UnitFileState", "a.service"))[0], [
      "LoadState=masked",
      "ActiveState=active",
      "UnitFileState=masked-runtime",
    ]);
    host.processes.kill(unit().main!.pid);
    assert(!await system.until(() => unit().state === "active", 1_000));
    assertEquals(unit().state, "failed");
    const start = await run(system, "systemctl start --no-block -- a.service");
    assertEquals([start.code, start.stderr], [1, "Failed to start a.service: Unit a.service is masked.\n"]);
    await run(system, "systemctl unmask --runtime -- a.service");
    await run(system, "systemctl start --no-block -- a.service");
    assertEquals([unit().state, system.link("/run/systemd/system/a.service")], ["active", undefined]);
    await run(system, `systemctl ${BUS} mask --runtime -- b.service`);
    assertEquals(system.link("/run/user/1000/systemd/user/b.service"), "/dev/null");
  });
});

Deno.test("is-system-running, and what systemctl does not know", async () => {
  const host = up([]);
  await on(host, async (system) => {
    const asked = async () => {
      const { code, stdout } = await run(system, "systemctl is-system-running");
      return [code, stdout];
    };
    assertEquals(await asked(), [0, "running\n"]);
    host.systemd.state = "stopping";
    assertEquals(await asked(), [1, "stopping\n"]);
    assertEquals((await run(system, "systemctl stop --no-block -- a.service")).code, 5);
    assertEquals((await run(system, "systemctl start --no-block -- a.service")).code, 5);
    for (
      const line of ["stop a.service", "stop -- a.service", "isolate -- a.target", "show -- a", "--user stop -- a"]
    ) {
      assertEquals((await run(system, `systemctl ${line}`)).code, 1, line);
    }
  });
});
