/**
 * What is not ended with the desktop, and what is known before it ends: each was once ended for nothing, or missed.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { UnitSpec } from "../simulated/desktop.ts";
import { withDesktop } from "../simulated/desktops.ts";
import { hybrid, singleGpu, singleNvidia } from "../simulated/gpu-machines.ts";
import { guestXml } from "../simulated/guests.ts";
import { withInit } from "../simulated/inits.ts";
import type { ProcessSpec } from "../simulated/machine.ts";
import { World } from "./world.ts";

const CARD = "0000:03:00.0";
const SOUND = "0000:03:00.1";
const XML = guestXml({ name: "win11", pci: [CARD, SOUND] });
const CHROOT = `<service name="chroot.service"/> in /etc/virt-aid/config.xml`;
const NVIDIA = guestXml({ name: "win11", pci: ["0000:01:00.0", "0000:01:00.1"] });

/** The start is refused by what is said, with that hint, and no display manager was stopped, no session ended. */
async function refused(world: World, xml: string, text: string, hint: string): Promise<void> {
  const { state, says } = await world.libvirt.start(xml);
  assertEquals([state, world.host.harms], ["shut off", []], says);
  assertStringIncludes(says, text);
  assertStringIncludes(says, `\nhint: ${hint}\n`);
  assert(!/stop (gdm|sddm)|end (the )?(session|login)/.test(world.log), world.log);
}

for (
  const [what, machine, node, xml] of [
    ["NVIDIA's", withDesktop(singleNvidia, "gnome", "0000:01:00.0"), "/dev/nvidia0", NVIDIA],
    ["a DRM", withDesktop(singleGpu, "gnome", CARD), "/dev/dri/renderD128", XML],
  ] as const
) {
  Deno.test(`${what} node that was opened in a chroot is a node of the card`, async () => {
    const world = new World(machine);
    const cgroup = "/system.slice/chroot.service";
    const stranger = world.host.processes.spawn({ pid: 812, comm: "cuda", args: ["cuda"], uid: 1000, cgroup });
    world.host.processes.open(stranger, `/srv/chroot${node}`, node);
    const held = `held by cuda (pid 812, user ann) through ${node}, of chroot.service`;
    await refused(world, xml, held, "`systemctl stop chroot.service`, or have every start do so: " + CHROOT);
  });
}

Deno.test("a module that needs the driver's and does not go with it is known before", async () => {
  const modules = [...singleNvidia.modules!, { name: "nvidia_fs", needs: ["nvidia"], loaded: true }];
  const world = new World(withDesktop({ ...singleNvidia, modules }, "gnome", "0000:01:00.0"));
  const hint = "unload it (rmmod nvidia_fs), and keep it from being loaded at boot";
  await refused(world, NVIDIA, "nvidia_fs keeps the driver of 0000:01:00.0 loaded", hint);
});

Deno.test("a session of which nobody knows who would start it again does not end, unless its service is named", async () => {
  const gnome = withDesktop(singleGpu, "gnome", CARD);
  const rename = (name: string) => name === "gdm.service" ? "my-login.service" : name;
  const units = gnome.units!.map((unit) => ({ ...unit, name: rename(unit.name), aliases: undefined }));
  const sessions = gnome.sessions!.map((one) => ({ ...one, unit: one.unit && rename(one.unit) }));
  const machine = { ...gnome, units, sessions };
  const hint =
    `put <service name="NAME"/> into /etc/virt-aid/config.xml, where NAME is the service that starts the desktop`;
  const unknown = "nobody knows which service has started session 2 of ann: name it as <service>";
  await refused(new World(machine), XML, `through /dev/dri/card0; ${unknown}`, hint);
  const world = new World(machine);
  const config = "<virt-aid><service name='my-login.service'/></virt-aid>";
  world.host.tree.file("/etc/virt-aid/config.xml", config);
  assertEquals((await world.libvirt.start(XML)).state, "running", world.log);
});

Deno.test("a login that init itself would repeat at once does not end: init of OpenRC's hosts has prompts of its own", async () => {
  const machine = withInit(singleGpu, "OpenRC", "startx", CARD);
  const getty = machine.services!.find(({ name }) => name === "agetty.tty1")!;
  const world = new World({ ...machine, services: machine.services!.filter((service) => service !== getty) });
  const pids = new Map<string, number>();
  for (const spec of getty.processes.slice(1)) {
    const parent = pids.get(spec.startedBy ?? "") ?? 1;
    pids.set(spec.comm, world.host.processes.spawn({ ...spec, startedBy: undefined, parent, cgroup: "/" }).pid);
  }
  const hint = "take the automatic login there away, then log out there";
  await refused(world, XML, "ann is logged in on tty1 by itself, and would be again at once", hint);
});

Deno.test("a text login that has only sound open is not ended with the desktop of somebody else", async () => {
  const kde = withDesktop(singleGpu, "kde", CARD);
  const processes: readonly ProcessSpec[] = [
    { comm: "bash", args: ["-bash"], tty: "tty3" },
    { comm: "mpg123", args: ["mpg123"], startedBy: "bash", open: ["/dev/snd/pcmC0D3p"] },
  ];
  const bob = { id: "7", uid: 1001, user: "bob", seat: "seat0", class: "user", type: "tty", tty: "tty3" } as const;
  const sessions = [...kde.sessions!, { ...bob, service: "login", processes }];
  const world = new World({ ...kde, sessions });
  const end = `end mpg123, then start the guest again; <desktop holders="terminate"/> in /etc/virt-aid/config.xml`;
  await refused(world, XML, "held by mpg123", `${end} has every start do so`);
});

Deno.test("a user's own service on another card goes alone: the desktop does not use that card", async () => {
  const kde = withDesktop(hybrid, "kde", "0000:00:02.0");
  const open = ["/dev/dri/renderD129"];
  const own: UnitSpec = { name: "ollama.service", user: 1000, processes: [{ comm: "ollama", args: ["x"], open }] };
  const world = new World({ ...kde, units: [...kde.units!, own] });
  const state = () => world.host.systemd.unit("ollama.service", 1000)!.state;
  assertEquals([(await world.libvirt.start(XML)).state, state()], ["running", "inactive"], world.log);
  assert(!world.log.includes("stop sddm.service"));
  await world.libvirt.stop("win11");
  assertEquals([state(), world.host.harms], ["active", []], world.log);
});

Deno.test("a crowd of programs does not hide that the guest's disk is missing, too", async () => {
  const world = new World(withDesktop(singleGpu, "gnome", CARD));
  for (let n = 1; n <= 9; n++) {
    const spec = {
      comm: `program-${n}`,
      args: [`program-${n}`],
      uid: 1000,
      open: ["/dev/dri/card0", "/dev/dri/renderD128"],
    };
    world.host.processes.spawn(spec);
  }
  const devices = "<disk type='file' device='cdrom'><source file='/srv/none.iso'/></disk>";
  const { says } = await world.libvirt.start(guestXml({ name: "win11", pci: [CARD, SOUND], devices }));
  assertStringIncludes(says, "also: there is no /srv/none.iso");
});
