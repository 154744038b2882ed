import { assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import { holdersOf } from "../../lib/host/holders.ts";
import { ownerName } from "../../lib/host/owners.ts";
import { startOf } from "../../lib/host/processes.ts";
import { GPU, hostOf, on, SOUND } from "../on-host.ts";
import { withDesktop } from "../simulated/desktops.ts";
import { singleGpu, singleNvidia } from "../simulated/gpu-machines.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import type { Machine, ProcessSpec } from "../simulated/machine.ts";
import { workstation } from "../simulated/machines.ts";

const RADEON = "0000:03:00.0";
const BLENDER = { comm: "blender", args: ["/usr/bin/blender"], uid: 1000 } as const;

/** Who holds functions of a machine while one more process runs. */
async function held(spec: Partial<ProcessSpec>, addresses: readonly string[], machine?: Machine): Promise<string[]> {
  const host = hostOf(machine);
  host.processes.spawn({ ...BLENDER, ...spec });
  return (await on(host, (system) => holdersOf(system, addresses)))
    .map(({ address, name, node }) => `${address} ${name} ${node}`);
}

/** A machine with a second card of the same vendor. */
function withSecond(machine: Machine, address: string): Machine {
  const first = machine.functions.find((fn) => fn.address === address)!;
  const second = { ...first, address: "0000:09:00.0", above: undefined, bootVga: false, firmware: undefined };
  const drm = { card: 9, render: 137 };
  return { ...machine, units: [], functions: [...machine.functions, { ...second, group: 99, drm }] };
}

Deno.test("a node that is mapped and closed is held, and one that is open too is one holder", async () => {
  const maps = ["/dev/dri/renderD129"];
  assertEquals(await held({ maps }, [GPU]), [`${GPU} blender /dev/dri/renderD129`]);
  assertEquals(await held({ maps, open: maps }, [GPU]), [`${GPU} blender /dev/dri/renderD129`]);
});

Deno.test("mapped: another card's nodes and files are nobody's business", async () => {
  assertEquals(await held({ maps: ["/dev/dri/renderD128", "/usr/lib/libdrm.so.2", "/dev/zero"] }, [GPU]), []);
});

Deno.test("mapped: several nodes of one process, of several functions, once each", async () => {
  const maps = ["/dev/dri/card1", "/dev/dri/renderD129", "/dev/dri/card1", "/dev/dri/card0"];
  assertEquals((await held({ pid: 5_000, maps }, [GPU, "0000:00:02.0"])).filter((line) => line.includes("blender")), [
    `${GPU} blender /dev/dri/card1`,
    `${GPU} blender /dev/dri/renderD129`,
    "0000:00:02.0 blender /dev/dri/card0",
  ]);
});

Deno.test("mapped: nodes of a card's accelerator too", async () => {
  const host = hostOf();
  host.tree.file(`${host.pci.at(GPU).path}/accel/accel0/uevent`, "DEVNAME=accel/accel0\n");
  host.processes.spawn({ ...BLENDER, maps: ["/dev/accel/accel0"] });
  assertEquals((await on(host, (system) => holdersOf(system, [GPU]))).map(({ node }) => node), ["/dev/accel/accel0"]);
});

Deno.test("mapped: a process that nobody may look into is one holder, whatever it has mapped", async () => {
  const confined = { confined: "wholly" as const, maps: ["/dev/dri/card1"] };
  assertEquals(await held(confined, [GPU]), [`${GPU} blender undefined`]);
});

Deno.test("mapped: a process that ends while grep(1) looks is no error, and no holder is lost", async () => {
  const host = hostOf();
  host.processes.spawn({ ...BLENDER, pid: 812, maps: ["/dev/dri/card1"] });
  host.processes.spawn({ ...BLENDER, pid: 813, comm: "quick" });
  const grep = host.commands.get("/usr/bin/grep")!;
  host.commands.set("/usr/bin/grep", (host, args, stdin) => {
    host.processes.kill(813);
    return grep(host, args, stdin);
  });
  assertEquals((await on(host, (system) => holdersOf(system, [GPU]))).map(({ pid }) => pid), [812]);
});

/** What grep(1) does, and what people are told. */
const FAILURES: readonly (readonly [change: (host: SimulatedHost) => void, why: string])[] = [
  [(host) => host.commands.delete("/usr/bin/grep"), "grep missing"],
  [(host) => host.commands.set("/usr/bin/grep", () => ({ code: 137 })), "grep status 137"],
  [(host) => host.commands.set("/usr/bin/grep", () => ({ code: 0, goesOn: true })), "grep timeout"],
];

for (const [change, why] of FAILURES) {
  Deno.test(`mapped: that nobody can look is an error for graphics cards alone: ${why}`, async () => {
    const host = hostOf();
    change(host);
    const look = (address: string) => on(host, (system) => holdersOf(system, [address]));
    const error = await assertRejects(() => look(GPU), AidError, `who has mapped a card cannot be seen: ${why}`);
    assertEquals(error.hint, "try again");
    assertEquals(await look(SOUND), [], "sound cards are not mapped for longer than they are open");
  });
}

/** Drivers, nodes that all of their cards share, and ones that look like those. */
const SHARED: readonly (readonly [Machine, string, string[], string[]])[] = [
  [{ ...singleGpu }, RADEON, ["/dev/kfd"], ["/dev/kfd0", "/dev/nvidiactl"]],
  [
    { ...singleNvidia, units: [] },
    GPU,
    [
      "/dev/nvidiactl",
      "/dev/nvidia-modeset",
      "/dev/nvidia-uvm",
      "/dev/nvidia-uvm-tools",
      "/dev/nvidia-caps/nvidia-cap1",
    ],
    ["/dev/nvidia7", "/dev/nvidia-nvswitchctl", "/dev/kfd"],
  ],
];

for (const [machine, address, nodes, others] of SHARED) {
  Deno.test(`${machine.name}: what all cards of a driver share belongs to the only one, open or mapped`, async () => {
    for (const node of nodes) {
      assertEquals(await held({ open: [node] }, [address], machine), [`${address} blender ${node}`]);
      assertEquals(await held({ maps: [node] }, [address], machine), [`${address} blender ${node}`]);
    }
    for (const node of others) assertEquals(await held({ open: [node] }, [address], machine), []);
  });

  Deno.test(`${machine.name}: where the driver has two cards, what they share belongs to neither`, async () => {
    const two = withSecond(machine, address);
    for (const node of nodes) assertEquals(await held({ open: [node] }, [address, "0000:09:00.0"], two), []);
    assertEquals(await held({ open: ["/dev/dri/renderD137"] }, [address, "0000:09:00.0"], two), [
      "0000:09:00.0 blender /dev/dri/renderD137",
    ]);
  });
}

Deno.test("a driver whose cards share nothing is not asked about others' nodes", async () => {
  assertEquals(await held({ open: ["/dev/kfd", "/dev/nvidiactl"] }, [GPU]), []);
});

Deno.test("a holder has its start time, and what it belongs to", async () => {
  const host = hostOf();
  const cgroup = "/system.slice/docker.service/payload";
  host.clock.advance(5_000);
  host.processes.spawn({ ...BLENDER, pid: 812, open: ["/dev/dri/card1"], cgroup });
  await on(host, async (system) => {
    const [holder] = await holdersOf(system, [GPU]);
    assertEquals([holder!.owner, holder!.start], [{ kind: "service", unit: "docker.service" }, "1500"]);
    assertEquals(holder!.start, startOf(system, 812));
  });
});

Deno.test("holders of a desktop belong to its units, its session, and to logind that opened the card for it", async () => {
  const holders = async (name: "gnome" | "sway") => {
    const found = await on(hostOf(withDesktop(singleGpu, name, RADEON)), (system) => holdersOf(system, [RADEON]));
    return Object.fromEntries(found.map(({ name, owner }) => [name, ownerName(owner)]));
  };
  const logind = { "systemd-logind": "systemd-logind.service" };
  const shell = "org.gnome.Shell@wayland.service of user 1000";
  assertEquals(await holders("gnome"), {
    ...logind,
    ...{ "gnome-shell": shell, Xwayland: shell, firefox: "app-gnome-firefox-2345.scope of user 1000" },
  });
  assertEquals(await holders("sway"), { ...logind, sway: "session 3", mpv: "session 3" });
});

Deno.test("a holder of a machine without sessions and services belongs to nothing that has a name", async () => {
  const host = hostOf(workstation);
  host.processes.spawn({ ...BLENDER, open: ["/dev/dri/card1"], cgroup: "/" });
  const [holder] = await on(host, (system) => holdersOf(system, [GPU]));
  assertEquals(holder!.owner, { kind: "none" });
});
