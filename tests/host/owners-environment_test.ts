/** What a process belongs to that a desktop on a text console has started by a double fork, where nobody keeps sessions. */

import { assertEquals } from "@std/assert";
import { ownerName, ownerOf } from "../../lib/host/owners.ts";
import { hostOf, on } from "../on-host.ts";
import { World } from "../scenarios/world.ts";
import { withDesktop } from "../simulated/desktops.ts";
import { singleGpu } from "../simulated/gpu-machines.ts";
import { guestXml } from "../simulated/guests.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { withInit } from "../simulated/inits.ts";
import type { ProcessSpec } from "../simulated/machine.ts";

const CARD = "0000:03:00.0";
const NONE = "no session and no service";
const XML = guestXml({ name: "win11", pci: [CARD, "0000:03:00.1"] });

/** What a straggler of ann's belongs to, who is logged in on tty1. */
async function ownerWith(
  more: Partial<ProcessSpec>,
  change: (host: SimulatedHost) => void = () => {},
): Promise<string> {
  const host = hostOf();
  const { pid: login } = host.processes.spawn({ comm: "login", args: ["login"], cgroup: "/", tty: null });
  host.processes.spawn({ comm: "bash", args: ["-bash"], uid: 1000, tty: "tty1", parent: login, cgroup: "/" });
  change(host);
  const env = { DISPLAY: ":0" };
  const { pid } = host.processes.spawn({
    comm: "foot",
    args: ["foot"],
    uid: 1000,
    tty: null,
    cgroup: "/",
    env,
    ...more,
  });
  return await on(host, (system) => ownerName(ownerOf(system, pid)));
}

Deno.test("owner: by the environment, where the user has one login on a console", async () => {
  const getty = "/system.slice/system-getty.slice/getty@tty1.service";
  assertEquals(await ownerWith({}), "the login on tty1");
  assertEquals(await ownerWith({ cgroup: getty }), "the login on tty1");
  assertEquals(await ownerWith({ env: { WAYLAND_DISPLAY: "wayland-1" } }), "the login on tty1");
  assertEquals(await ownerWith({ env: { XDG_VTNR: "1" } }), "the login on tty1");
});

Deno.test("owner: not by an environment that says another thing, or nothing; not of others, nor of root", async () => {
  const others: readonly Readonly<Record<string, string>>[] = [
    {},
    { DISPLAY: ":10", SSH_CONNECTION: "a" },
    { DISPLAY: ":0", XDG_VTNR: "2" },
  ];
  for (const env of others) {
    assertEquals(await ownerWith({ env }), NONE);
  }
  assertEquals(await ownerWith({ uid: 1001 }), NONE);
  const xorg = { comm: "Xorg", args: ["Xorg"], uid: 0, tty: "tty1", cgroup: "/" };
  assertEquals(await ownerWith({ uid: 0 }, (host) => void host.processes.spawn(xorg)), NONE);
  assertEquals(await ownerWith({ cgroup: "/system.slice/ollama.service" }), "ollama.service");
});

Deno.test("owner: not by an environment that cannot be read", async () => {
  const env = {
    get DISPLAY(): string {
      throw new Error("EACCES: Permission denied");
    },
  };
  assertEquals(await ownerWith({ env }), NONE);
});

Deno.test("owner: two logins, or a display manager: only the console's number tells", async () => {
  const second = ({ processes }: SimulatedHost) =>
    void processes.spawn({ comm: "bash", args: ["-bash"], uid: 1000, tty: "tty2", cgroup: "/" });
  assertEquals(await ownerWith({}, second), NONE);
  const manager = ({ processes }: SimulatedHost) =>
    void processes.spawn({ comm: "lightdm", args: ["lightdm"], cgroup: "/" });
  assertEquals(await ownerWith({}, manager), NONE);
  assertEquals(await ownerWith({ env: { DISPLAY: ":1", XDG_VTNR: "1" } }, manager), "the login on tty1");
});

for (const init of ["systemd", "OpenRC", "runit", "s6", "dinit"] as const) {
  Deno.test(`${init} without logind: what i3 has started by a double fork goes with the login`, async () => {
    const machine = init === "systemd"
      ? withDesktop(singleGpu, "startx-no-logind", CARD)
      : withInit(singleGpu, init, "startx", CARD);
    const world = new World(machine);
    const { processes } = world.host;
    const kitty = [...processes.all.values()].find(({ spec }) => spec.comm === "kitty")!;
    const { pid } = processes.spawn({ ...kitty.spec, pid: undefined, parent: 1, cgroup: kitty.cgroup, comm: "foot" });
    const started = await world.libvirt.start(XML);
    assertEquals([started.state, processes.all.has(pid), world.host.harms], ["running", false, []], started.says);
  });
}
