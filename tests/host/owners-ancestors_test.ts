/** What a process belongs to where its control group does not tell: by the processes that it comes from. */

import { assertEquals, assertMatch } from "@std/assert";
import { inSession, ownerName, ownerOf } from "../../lib/host/owners.ts";
import { hostOf, on } from "../on-host.ts";
import { serveSeat, withTty } from "../simulated/desktops/tty.ts";
import { singleGpu } from "../simulated/gpu-machines.ts";
import { OTHER_INITS, withInit } from "../simulated/inits.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import type { ProcessSpec } from "../simulated/machine.ts";

/** A chain of processes, each the parent of the next; gives what the last one belongs to. */
async function ownerOfLast(...chain: readonly Partial<ProcessSpec>[]): Promise<string> {
  const host = hostOf();
  let parent = 1;
  for (const spec of chain) {
    const comm = spec.comm ?? "x";
    parent = host.processes.spawn({ comm, args: [comm], cgroup: "/", tty: null, ...spec, parent }).pid;
  }
  return await on(host, (system) => ownerName(ownerOf(system, parent)));
}

const shell = { comm: "bash", tty: "tty1", uid: 1000 } as const;

Deno.test("owner: a login on a text console, from whose first process with that terminal all comes", async () => {
  assertEquals(await ownerOfLast({ comm: "login" }, shell, { comm: "xinit" }, { tty: null }), "the login on tty1");
  const getty = "/system.slice/system-getty.slice/getty@tty1.service";
  assertEquals(await ownerOfLast({ ...shell, cgroup: getty }, { cgroup: getty }), "the login on tty1");
  assertEquals(await ownerOfLast({ comm: "agetty", cgroup: getty }), "getty@tty1.service", "nobody is logged in");
  assertEquals(await ownerOfLast({ ...shell, cgroup: "/openrc.agetty.tty1" }), "the login on tty1");
});

Deno.test("owner: a terminal over ssh or in a window is no login on a console", async () => {
  assertEquals(await ownerOfLast({ comm: "sshd" }, { comm: "bash", tty: "pts/0" }, {}), "no session and no service");
});

Deno.test("owner: what a display manager has started, whatever its terminal; only root's is one", async () => {
  assertEquals(await ownerOfLast({ comm: "lightdm" }, { comm: "Xorg", tty: "tty7" }), "lightdm");
  assertEquals(await ownerOfLast({ comm: "lightdm", uid: 1000 }, {}), "no session and no service");
});

Deno.test("owner: what a supervisor runs, by the name that it was given", async () => {
  for (const comm of ["runsv", "s6-supervise"]) {
    assertEquals(await ownerOfLast({ comm, args: [comm, "ollama"] }, {}, {}), "ollama");
  }
  assertEquals(await ownerOfLast({ comm: "runsv", args: ["runsv", "agetty-tty1"] }, shell, {}), "the login on tty1");
});

for (const init of OTHER_INITS) {
  Deno.test(`owner: on ${init} programs of elogind's session are in it, and the X server with its display manager`, async () => {
    const host: SimulatedHost = hostOf(withInit(singleGpu, init, "lightdm", "0000:03:00.0"));
    const pidOf = (comm: string) => [...host.processes.all.values()].find(({ spec }) => spec.comm === comm)!.pid;
    await on(host, (system) => {
      assertEquals(ownerOf(system, pidOf("alacritty")), { kind: "session", id: "2" });
      assertEquals(inSession(system, "2").includes(pidOf("alacritty")), true);
      const owner = ownerName(ownerOf(system, pidOf("Xorg")));
      assertEquals(owner, init === "OpenRC" ? "display-manager" : "lightdm");
    });
  });
}

/** What all of a compositor's programs belong to, and who has opened the card for it. */
const SEATS = {
  logind: { owner: "session 1", opener: /^(systemd-logind\.service|elogind-daemon)$/ },
  seatd: { owner: "the login on tty1", opener: /^seatd(\.service)?$/ },
} as const;

for (const init of ["systemd", ...OTHER_INITS] as const) {
  for (const [seat, { owner, opener }] of Object.entries(SEATS) as [keyof typeof SEATS, typeof SEATS.logind][]) {
    Deno.test(`owner: on ${init} with ${seat} a compositor on a text console, and what it has started by double forks`, async () => {
      const card = "0000:03:00.0";
      const host = hostOf(withTty(singleGpu, { init, seat, program: "sway", login: "by itself" }, card));
      await on(host, async (system) => {
        const forks = () => [...host.processes.all.values()].some(({ spec }) => spec.comm === "(fork)");
        await system.until(() => !forks(), 1_000);
        if (seat === "seatd") serveSeat(host, "/dev/dri/card0");
        const names = new Map(
          host.pci.users(host.pci.at(card)).map((
            pid,
          ) => [host.processes.all.get(pid)!.spec.comm, ownerName(ownerOf(system, pid))]),
        );
        const daemon = [...names.keys()].find((comm) => /logind|seatd/.test(comm))!;
        assertMatch(names.get(daemon)!, opener);
        names.delete(daemon);
        assertEquals([...names], [["sway", owner], ["foot", owner], ["mpv", owner]]);
      });
    });
  }
}
