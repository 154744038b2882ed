/** Desktops on machines of the simulated host: who holds what, and what it takes to make them let go. */

import { assert, assertEquals } from "@std/assert";
import type { System } from "../../lib/system.ts";
import { type DesktopName, DESKTOPS, withDesktop } from "./desktops.ts";
import { hybrid, hybridNvidia, singleGpu, singleNvidia } from "./gpu-machines.ts";
import type { SimulatedHost } from "./host.ts";
import { hostOf, on, run } from "./on.ts";
import { snapshot } from "./snapshot.ts";

const AMD = "0000:03:00.0";
const IGPU = "0000:00:02.0";
const NVIDIA = "0000:01:00.0";
const NAMES = Object.keys(DESKTOPS) as DesktopName[];
const BUS = "--user --machine=ann@.host";

/** Who has nodes of a function open, or of all functions of its slot. */
function holders(host: SimulatedHost, address: string): string[] {
  const functions = [...host.pci.functions.values()].filter((fn) => fn.address.startsWith(address));
  const found = functions.flatMap((fn) => host.pci.users(fn)).map((pid) => host.processes.all.get(pid)!.spec.comm);
  return [...new Set(found)].sort();
}

const desktop = (name: DesktopName, machine = singleGpu, card = AMD) => hostOf(withDesktop(machine, name, card));
const stop = (system: System, units: string) => run(system, `systemctl stop --no-block -- ${units}`);
const stopOfAnn = (system: System, units: string) => run(system, `systemctl ${BUS} stop --no-block -- ${units}`);
const end = (system: System, id: string) => run(system, `loginctl terminate-session -- ${id}`);
const SOUND = "pipewire.socket pipewire-pulse.socket pipewire.service pipewire-pulse.service wireplumber.service";

Deno.test("desktops: each runs on each machine, the same each time, and harms nothing", () => {
  for (
    const [machine, card] of [[singleGpu, AMD], [singleNvidia, NVIDIA], [hybrid, IGPU], [hybridNvidia, IGPU]] as const
  ) {
    for (const name of NAMES) {
      const [host, again] = [desktop(name, machine, card), desktop(name, machine, card)];
      assertEquals(snapshot(host), snapshot(again));
      assertEquals([host.harms, host.operations], [[], []]);
      const inactive = [...host.systemd.units.values()].filter((unit) => unit.state !== (unit.spec.state ?? "active"));
      assertEquals(inactive.map(({ label }) => label), []);
    }
  }
});

Deno.test("desktops: a snapshot has their units and sessions", () => {
  const { units, sessions, consoles } = snapshot(desktop("startx"));
  assertEquals([units["getty@tty1.service"], units["1000/graphical-session.target"]], ["active", "inactive"]);
  assertEquals(sessions, ["ann tty user seat0 active"]);
  assertEquals(consoles, { "(M) frame buffer device": true, "(S) dummy device": false });
});

Deno.test("desktops: who holds the card and its sound", () => {
  const found = Object.fromEntries(NAMES.map((name) => [name, holders(desktop(name), "0000:03:00.")]));
  const sound = ["pipewire", "wireplumber"];
  assertEquals(found, {
    gnome: ["Xwayland", "firefox", "gnome-shell", "pipewire", "systemd-logind", "wireplumber"],
    kde: ["Xwayland", "kwin_wayland", "org_kde_powerde", "pipewire", "plasmashell", "systemd-logind", "wireplumber"],
    sway: ["mpv", ...sound.slice(0, 1), "sway", "systemd-logind", "wireplumber"],
    startx: ["Xorg", "kitty", ...sound.slice(0, 1), "systemd-logind", "wireplumber"],
    "startx-no-logind": ["Xorg", "kitty"],
    plain: [],
  });
});

/** What takes a desktop away, and who holds the card when its login is back. */
const ENDS: readonly (readonly [DesktopName, string | undefined, (system: System) => Promise<unknown>])[] = [
  ["gnome", "gnome-shell", async (system) => {
    await stopOfAnn(system, "graphical-session.target");
    await stop(system, "gdm.service");
    await end(system, "2");
  }],
  ["kde", "kwin_wayland", async (system) => {
    await stopOfAnn(system, "graphical-session.target");
    await stop(system, "sddm.service");
    await end(system, "2");
  }],
  ["sway", undefined, (system) => stop(system, "greetd.service")],
  ["startx", "Xorg", (system) => stop(system, "getty@tty1.service")],
];

for (const [name, shows, away] of ENDS) {
  Deno.test(`desktops: ${name} goes, and comes back with the login alone`, async () => {
    const host = desktop(name);
    const before = snapshot(host);
    await on(host, async (system) => {
      await stopOfAnn(system, SOUND);
      await away(system);
      assert(await system.until(() => holders(host, "0000:03:00.").length === 0, 2_000), String(holders(host, AMD)));
      await run(system, "systemctl start --no-block -- display-manager.service");
      await run(system, "systemctl start --no-block -- getty@tty1.service");
      assert(await system.until(() => host.logind.sessions.size === 1, 1_000));
    });
    assertEquals(host.harms, []);
    assertEquals(holders(host, AMD).find((comm) => comm === shows), shows);
    if (shows === undefined) assertEquals(holders(host, AMD), []);
    const kinds = snapshot(host).sessions.map((session) => session.split(" ")[2]);
    assertEquals(kinds, [name === "startx" ? "user" : "greeter"]);
    if (name === "startx") assertEquals(snapshot(host).sessions, before.sessions);
  });
}

Deno.test("desktops: sessions of GDM and SDDM survive their display manager, and so do compositors", async () => {
  for (
    const [name, manager, compositor] of [["gnome", "gdm", "gnome-shell"], ["kde", "sddm", "kwin_wayland"]] as const
  ) {
    const host = desktop(name);
    await on(host, async (system) => {
      await stop(system, `${manager}.service`);
      await system.until(() => false, 5_000);
      assertEquals([host.logind.sessions.has("2"), holders(host, AMD).includes(compositor)], [true, true]);
      await end(system, "2");
      await system.until(() => false, 5_000);
      assert(holders(host, AMD).includes(compositor), "it is no part of the session's scope");
      assert(!holders(host, AMD).includes("systemd-logind"));
      assert(await system.until(() => holders(host, AMD).length === 0, 10_000), "the user's manager ends it at last");
    });
  }
});

Deno.test("desktops: PipeWire comes back through its sockets, with the session manager", async () => {
  const host = desktop("gnome");
  await on(host, async (system) => {
    await stopOfAnn(system, "pipewire.service wireplumber.service");
    assertEquals(holders(host, "0000:03:00.1"), []);
    assert(await system.until(() => holders(host, "0000:03:00.1").length === 2, 200));
    await stopOfAnn(system, SOUND);
    assert(!await system.until(() => holders(host, "0000:03:00.1").length > 0, 2_000));
  });
});

Deno.test("desktops: an X server that is killed takes its session with it, and the getty starts another", async () => {
  const host = desktop("startx");
  await on(host, async (system) => {
    const pid = [...host.processes.all.values()].find(({ spec }) => spec.comm === "Xorg")!.pid;
    await run(system, `kill -TERM -- ${pid}`);
    assert(await system.until(() => host.logind.sessions.has("2"), 1_000));
    assertEquals(holders(host, AMD), ["Xorg", "kitty", "systemd-logind"]);
  });
});

Deno.test("desktops: without a session parents and the getty's control group tell what belongs to an X server", async () => {
  const host = desktop("startx-no-logind");
  await on(host, (system) => {
    const parents: string[] = [];
    let pid = [...host.processes.all.values()].find(({ spec }) => spec.comm === "kitty")!.pid;
    for (; pid !== 1; pid = host.processes.all.get(pid)!.parent) {
      parents.push(host.processes.all.get(pid)!.spec.comm);
      assertEquals(
        system.read(`/proc/${pid}/cgroup`),
        "0::/system.slice/system-getty.slice/getty@tty1.service\n",
      );
    }
    assertEquals(parents, ["kitty", "i3", "xinit", "startx", "bash", "login"]);
    assertEquals(host.logind.sessions.size, 0);
  });
});

Deno.test("desktops: a getty without a session logs in again when the login has ended, unless it is stopped", async () => {
  const host = desktop("startx-no-logind");
  await on(host, async (system) => {
    const shell = [...host.processes.all.values()].find(({ spec }) => spec.comm === "bash")!.pid;
    await run(system, `kill -TERM -- ${shell}`);
    assert(!await system.until(() => !host.processes.all.has(shell), 1_000), "a shell ignores TERM");
    await run(system, `kill -HUP -- ${shell}`);
    assert(await system.until(() => holders(host, AMD).length === 0, 1_000));
    assert(await system.until(() => holders(host, AMD).length === 2, 1_000));
    await stop(system, "getty@tty1.service");
    assert(await system.until(() => holders(host, AMD).length === 0, 1_000));
    assert(!await system.until(() => holders(host, AMD).length > 0, 20_000));
    await run(system, "systemctl start --no-block -- getty@tty1.service");
    assert(await system.until(() => holders(host, AMD).length === 2, 1_000));
  });
  assertEquals(host.harms, []);
});

Deno.test("desktops: a card beside the one that the desktop is on is free", () => {
  assertEquals(holders(desktop("kde", hybrid, IGPU), AMD), []);
  assertEquals(holders(desktop("kde", hybridNvidia, IGPU), NVIDIA), ["nvidia-persiste"]);
  const both = hostOf(withDesktop(hybrid, "gnome", IGPU, AMD));
  assertEquals(holders(both, AMD), ["Xwayland", "firefox", "gnome-shell", "systemd-logind"]);
});
