/** Hosts with another init system than systemd: what their programs say, and what goes and comes with a service. */

import { assert, assertEquals } from "@std/assert";
import type { System } from "../../lib/system.ts";
import { hybridNvidia, singleGpu, singleNvidia } from "./gpu-machines.ts";
import type { SimulatedHost } from "./host.ts";
import { OTHER_INITS, type OtherDesktop, type OtherInit, serviceOf, withInit } from "./inits.ts";
import { hostOf, on, runPath as run } from "./on.ts";
import { snapshot } from "./snapshot.ts";

const CARD = "0000:03:00.0";

const hostWith = (init: OtherInit, desktop: OtherDesktop) => hostOf(withInit(singleGpu, init, desktop, CARD));

/** Orders in the words of each. */
const ORDERS: Readonly<Record<OtherInit, (verb: "start" | "stop", name: string) => string>> = {
  OpenRC: (verb, name) => `/sbin/rc-service --nodeps -- ${name} ${verb}`,
  runit: (verb, name) => verb === "start" ? `/usr/bin/sv -w 2 start ${name}` : `/usr/bin/sv down ${name}`,
  s6: (verb, name) => `/usr/bin/s6-rc -t 5000 -${verb === "start" ? "u" : "d"} change ${name}`,
  dinit: (verb, name) => `/usr/bin/dinitctl ${verb} ${name}`,
};

const holders = (host: SimulatedHost, address = CARD) =>
  host.pci.users(host.pci.at(address)).map((pid) => host.processes.all.get(pid)!.spec.comm).sort();
const find = (host: SimulatedHost, comm: string) =>
  [...host.processes.all.values()].find(({ spec }) => spec.comm === comm);
const stat = (system: System, pid: number) => {
  const text = system.read(`/proc/${pid}/stat`)!;
  return text.slice(text.lastIndexOf(")") + 2).trim().split(" ");
};

for (const init of OTHER_INITS) {
  Deno.test(`${init}: with LightDM; a stop leaves what shows nothing, a start brings a greeter`, async () => {
    const host = hostWith(init, "lightdm");
    const name = serviceOf(init, "lightdm");
    assertEquals([host.harms, snapshot(host)], [[], snapshot(hostWith(init, "lightdm"))]);
    assertEquals(holders(host), ["Xorg", "alacritty"]);
    assertEquals(holders(host, "0000:03:00.1"), ["pipewire", "wireplumber"]);
    await on(host, async (system) => {
      assertEquals(system.read(`/proc/${find(host, "alacritty")!.pid}/cgroup`), "0::/2\n");
      assertEquals((await run(system, ORDERS[init]("stop", name))).code, 0);
      assert(await system.until(() => holders(host).length === 0, 1_000));
      assert(!await system.until(() => holders(host).length > 0, 20_000), "it stays down");
      assertEquals(holders(host, "0000:03:00.1"), ["pipewire", "wireplumber"]);
      assertEquals(snapshot(host).sessions, ["ann x11 user seat0 closing"]);
      assertEquals((await run(system, "/usr/bin/loginctl terminate-session -- 2")).code, 0);
      assertEquals([holders(host, "0000:03:00.1"), host.logind.sessions.size], [[], 0]);
      assertEquals((await run(system, ORDERS[init]("start", name))).code, 0);
      assert(await system.until(() => host.logind.sessions.size === 1, 1_000));
    });
    assertEquals([holders(host), snapshot(host).sessions], [["Xorg"], ["lightdm x11 greeter seat0 active"]]);
    host.logind.start("2");
    assertEquals(snapshot(host).sessions.filter((session) => session.includes("active")), [
      "ann x11 user seat0 active",
    ]);
    assertEquals(host.harms, []);
  });

  Deno.test(`${init}: with startx; the login comes again unless it was told down`, async () => {
    const host = hostWith(init, "startx");
    const name = serviceOf(init, "startx");
    assertEquals(holders(host), ["Xorg", "kitty"]);
    await on(host, async (system) => {
      const shell = find(host, "bash")!.pid;
      assertEquals((await run(system, `/usr/bin/kill -TERM -- ${shell}`)).code, 0);
      assert(!await system.until(() => holders(host).length === 0, 2_000), "a shell ignores TERM");
      assertEquals((await run(system, `/usr/bin/kill -HUP -- ${shell}`)).code, 0);
      assert(await system.until(() => holders(host).length === 0, 1_000));
      assert(await system.until(() => holders(host).length === 2, 2_000), "the getty logs in again");
      assertEquals((await run(system, ORDERS[init]("stop", name))).code, 0);
      assert(await system.until(() => holders(host).length === 0, 1_000));
      assert(!await system.until(() => holders(host).length > 0, 20_000));
      assertEquals(find(host, "login"), undefined);
      assertEquals((await run(system, ORDERS[init]("start", name))).code, 0);
      assert(await system.until(() => holders(host).length === 2, 1_000));
      assertEquals((await run(system, "/usr/bin/loginctl list-sessions --no-legend")).code, -1);
    });
    assertEquals(host.harms, []);
  });

  Deno.test(`${init}: no card, no desktop; it ends and the machine goes on`, async () => {
    for (const desktop of ["lightdm", "startx"] as const) {
      const host = hostWith(init, desktop);
      const name = serviceOf(init, desktop);
      await on(host, async (system) => {
        await run(system, ORDERS[init]("stop", name));
        await system.until(() => holders(host).length === 0, 1_000);
        system.write("/sys/class/vtconsole/vtcon1/bind", "0");
        system.write("/sys/bus/pci/drivers/amdgpu/unbind", CARD);
        await run(system, ORDERS[init]("start", name));
        assert(!await system.until(() => host.harms.length > 0, 120_000));
        assertEquals(find(host, "Xorg"), undefined);
      });
    }
  });

  Deno.test(`${init}: NVIDIA's daemon goes and comes, and neither systemd nor its programs are there`, async () => {
    const host = hostOf(withInit(singleNvidia, init, "lightdm", "0000:01:00.0"));
    const name = init === "s6" ? "nvidia-persistenced-srv" : "nvidia-persistenced";
    await on(host, async (system) => {
      assertEquals([system.info("/run/systemd/system"), system.info("/run/systemd/sessions")?.kind], [
        undefined,
        "folder",
      ]);
      for (const program of ["systemctl", "systemd-inhibit"]) {
        assertEquals((await run(system, `/usr/bin/${program}`)).code, -1);
      }
      for (const other of OTHER_INITS) {
        if (other !== init) assertEquals((await run(system, ORDERS[other]("start", name))).code, -1);
      }
      assertEquals((await run(system, ORDERS[init]("stop", name))).code, 0);
      assertEquals(holders(host, "0000:01:00.0").includes("nvidia-persiste"), false);
      assertEquals((await run(system, ORDERS[init]("start", name))).code, 0);
      assert(holders(host, "0000:01:00.0").includes("nvidia-persiste"));
    });
    assert(hostOf(withInit(hybridNvidia, init, "startx", "0000:00:02.0")).services.get("nvidia-persistenced"));
  });

  Deno.test(`${init}: faults of orders`, async () => {
    const name = serviceOf(init, "lightdm");
    const ends = async (fault: string, verb: "start" | "stop", turn?: "stop") => {
      const host = hostWith(init, "lightdm");
      let code = 0;
      await on(host, async (system) => {
        if (turn) await run(system, ORDERS[init](turn, name));
        await system.until(() => holders(host).length === 0, 500);
        host.fault({ name: fault });
        ({ code } = await run(system, ORDERS[init](verb, name)));
      });
      return [code, host.services.get(name)!.state];
    };
    const [failed] = await ends("service-stop-fails", "stop");
    assertEquals(failed, 1);
    assertEquals(await ends("service-stop-ignored", "stop"), [0, "up"]);
    assertEquals(await ends("service-stop-hangs", "stop"), [
      { OpenRC: -1, runit: 0, s6: 2, dinit: -1 }[init],
      "stopping",
    ]);
    assertEquals(await ends("service-start-ignored", "start", "stop"), [init === "runit" ? 1 : 0, "down"]);
    assertEquals(await ends("service-start-fails", "start", "stop"), [1, "down"]);
  });
}

Deno.test("a login on a text console: who has which terminal and session", async () => {
  const host = hostWith("runit", "startx");
  await on(host, (system) => {
    const of = (comm: string) => stat(system, find(host, comm)!.pid);
    const shell = find(host, "bash")!.pid;
    assertEquals(of("bash").slice(3, 5).map(Number), [shell, 1025]);
    for (const comm of ["startx", "xinit", "Xorg", "i3"]) {
      assertEquals(of(comm).slice(3, 5).map(Number), [shell, 1025]);
    }
    assertEquals([of("login")[4], of("kitty")[4], of("login").length], ["0", "0", 22]);
    assertEquals(of("kitty")[3], String(find(host, "kitty")!.pid));
    host.processes.kill(shell);
    assertEquals([find(host, "login"), find(host, "startx")], [undefined, undefined]);
    assertEquals(of("Xorg")[4], "0", "nobody has a terminal that was hung up");
  });
  await on(hostWith("OpenRC", "lightdm"), () => {});
  const other = hostWith("OpenRC", "lightdm");
  await on(other, (system) => assertEquals(stat(system, find(other, "Xorg")!.pid)[4], String(4 << 8 | 7)));
});
