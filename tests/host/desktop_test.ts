import { assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import { type Desktop, readDesktop } from "../../lib/host/desktop.ts";
import { holdersOf } from "../../lib/host/holders.ts";
import { hostOf, on } from "../on-host.ts";
import type { UnitSpec } from "../simulated/desktop.ts";
import { type DesktopName, withDesktop } from "../simulated/desktops.ts";
import { singleGpu } from "../simulated/gpu-machines.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { workstation } from "../simulated/machines.ts";

const [CARD, SOUND] = ["0000:03:00.0", "0000:03:00.1"] as const;

/** The desktop, as those see it who hold the card and its sound. */
const read = (host: SimulatedHost, services: readonly string[] = []): Promise<Desktop> =>
  on(host, async (system) => readDesktop(system, services, await holdersOf(system, [CARD, SOUND])));
/** The machine of one card with that desktop. */
const desktop = (name: DesktopName) => hostOf(withDesktop(singleGpu, name, CARD));
/** A host with units alone. */
const hostWith = (...units: readonly UnitSpec[]) => hostOf({ ...workstation, processes: [], units });

/** Display manager, ids and types of sessions, terminals with a login prompt. */
const TABLE: readonly (readonly [DesktopName, string | undefined, string[], Record<string, string>])[] = [
  ["gnome", "gdm.service", ["2 wayland"], {}],
  ["kde", "sddm.service", ["2 wayland"], {}],
  ["sway", "greetd.service", ["3 wayland"], {}],
  ["startx", undefined, ["1 tty"], { tty1: "getty@tty1.service" }],
  ["startx-no-logind", undefined, [], { tty1: "getty@tty1.service" }],
  ["plain", undefined, [], {}],
];

for (const [name, manager, sessions, gettys] of TABLE) {
  Deno.test(`desktop: ${name}`, async () => {
    const found = await read(desktop(name));
    assertEquals({
      ...{ manager: found.manager?.name, sessions: found.sessions.map(({ id, type }) => `${id} ${type}`) },
      ...{ gettys: found.gettys, init: found.init },
    }, { manager, sessions, gettys, init: "systemd" });
  });
}

Deno.test("desktop: relations of the units that hold something, and of no others", async () => {
  const { units } = await read(desktop("sway"));
  assertEquals(units, {
    "1000 pipewire.service": { sockets: ["pipewire.socket"], alone: true },
    "1000 wireplumber.service": { sockets: [], alone: true },
  });
});

Deno.test("desktop: a user's manager that is just ending tells nothing of its units", async () => {
  const host = desktop("sway");
  host.systemd.unit("user@1000.service")!.stick();
  assertEquals((await read(host)).units, {});
});

Deno.test("desktop: a display manager that runs counts before one that starts, which counts too", async () => {
  const starting = { name: "sddm.service", state: "activating", startsAfter: 60_000 } as const;
  const manager = async (...units: readonly UnitSpec[]) => (await read(hostWith(...units))).manager;
  assertEquals(await manager(starting), { name: "sddm.service", state: "starting" });
  assertEquals(await manager({ ...starting, state: "queued" }), { name: "sddm.service", state: "starting" });
  const running = { name: "ly.service" };
  assertEquals(await manager(starting, running), { name: "ly.service", state: "active" });
  assertEquals(await manager({ ...running, state: "inactive" }), undefined);
});

Deno.test("desktop: one under a name that nobody thought of is found by the alias", async () => {
  const { manager } = await read(hostWith({ name: "mine.service", aliases: ["display-manager.service"] }));
  assertEquals(manager, { name: "mine.service", state: "active" });
});

Deno.test("desktop: a login prompt is one of its session's terminal only, and only where it runs", async () => {
  const login = { uid: 1000, user: "ann", class: "user", service: "login", processes: [{ comm: "bash" }] } as const;
  const units = [1, 2, 3].map((n): UnitSpec => ({
    name: `getty@tty${n}.service`,
    state: n === 2 ? "inactive" : "active",
  }));
  const sessions = [
    { ...login, id: "1", type: "tty", tty: "tty1" },
    { ...login, id: "2", type: "tty", tty: "tty2" },
    { ...login, id: "3", type: "wayland", tty: "tty3" },
    { ...login, id: "4", type: "tty", tty: "pts/0" },
  ] as const;
  const { gettys } = await read(hostOf({ ...workstation, processes: [], units, sessions }));
  assertEquals(gettys, { tty1: "getty@tty1.service", tty3: "getty@tty3.service" });
});

Deno.test("desktop: services that were asked about, where they run or start", async () => {
  const host = hostWith(
    { name: "a.service" },
    { name: "b.service", state: "queued", startsAfter: 60_000 },
    { name: "c.service", state: "inactive" },
    { name: "d.service" },
  );
  const { services } = await read(host, ["none.service", "c.service", "b.service", "a.service"]);
  assertEquals(services, { "b.service": "b.service", "a.service": "a.service" });
});

Deno.test("desktop: without systemd there is nothing to ask", async () => {
  const host = desktop("startx-no-logind");
  host.tree.drop("/run/systemd/system");
  host.commands.delete("/usr/bin/systemctl");
  assertEquals(await read(host, ["lactd.service"]), {
    ...{ sessions: [], gettys: {}, autologins: ["tty1"], units: {}, services: {} },
  });
});

Deno.test("desktop: a systemd that does not answer is an error", async () => {
  const host = desktop("gnome");
  host.commands.delete("/usr/bin/systemctl");
  await assertRejects(() => read(host), AidError, "missing");
});

Deno.test("a service that was asked for by an alias is told by its own name too", async () => {
  const units = [{
    name: "ssh.service",
    aliases: ["sshd.service"],
    processes: [{ comm: "sshd", args: ["/usr/sbin/sshd"] }],
  }];
  const { services } = await read(hostOf({ ...workstation, units }), ["sshd.service"]);
  assertEquals(services, { "sshd.service": "ssh.service" });
});
