import { assertEquals } from "@std/assert";
import { heldBy, type Holder, holdersOf, letGo, nodesOf } from "../../lib/host/holders.ts";
import { GPU, hostOf, NIC, on, SOUND } from "../on-host.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import type { ProcessSpec } from "../simulated/machine.ts";
import { server } from "../simulated/machines.ts";

const BLENDER = { comm: "blender", args: ["/usr/bin/blender"], uid: 1000 } as const;
const CUPSD = { comm: "cupsd", args: ["/usr/sbin/cupsd"], confined: true } as const;

/** Who holds functions of the workstation while some processes run. */
async function held(addresses: readonly string[], ...specs: ProcessSpec[]): Promise<string[]> {
  const host = hostOf();
  for (const spec of specs) host.processes.spawn(spec);
  return (await on(host, (system) => holdersOf(system, addresses)))
    .map(({ address, name, user, node }) => `${address} ${name} ${user} ${node}`);
}

Deno.test("nodes: what a driver waits for, sound, i2c and render nodes included, and the node of the group", async () => {
  await on(hostOf(), (system) => {
    assertEquals(nodesOf(system, GPU).sort(), [
      "/dev/dri/card1",
      "/dev/dri/renderD129",
      "/dev/i2c-4",
      "/dev/vfio/13",
    ]);
    assertEquals(nodesOf(system, SOUND).sort(), [
      "/dev/snd/controlC1",
      "/dev/snd/hwC1D0",
      "/dev/snd/pcmC1D3p",
      "/dev/vfio/13",
    ]);
    assertEquals(nodesOf(system, NIC), ["/dev/vfio/15"], "a network driver lets go of whoever uses it");
    assertEquals(nodesOf(system, "0000:00:02.0").includes("/dev/fb0"), true);
    assertEquals(nodesOf(system, "0000:ff:00.0"), []);
  });
});

Deno.test("nodes: a USB controller's devices and a sound card's sensors are not waited for", async () => {
  const host = hostOf();
  await on(host, (system) => assertEquals(nodesOf(system, "0000:00:14.0"), ["/dev/vfio/5"]));
  host.tree.file(`${host.pci.at(SOUND).path}/sound/card1/input9/event9/uevent`, "DEVNAME=input/event9\n");
  await on(host, (system) => assertEquals(nodesOf(system, SOUND).includes("/dev/input/event9"), false));
});

Deno.test("nodes: those of NVIDIA's own driver stand in its own file", async () => {
  const host = hostOf();
  host.tree.file(`/proc/driver/nvidia/gpus/${GPU}/information`, "Model: \t RTX 4090\nDevice Minor: \t 2\n");
  await on(host, (system) => assertEquals(nodesOf(system, GPU).includes("/dev/nvidia2"), true));
});

Deno.test("holders: by program, user and node, each node once, by process id", async () => {
  const open = ["/dev/dri/card1", "/dev/dri/card1", "/dev/snd/controlC1", "/dev/dri/card0", "/dev/null"];
  assertEquals(
    await held([GPU, SOUND], { ...BLENDER, pid: 5_000, open }, {
      comm: "qemu",
      args: ["/usr/bin/qemu"],
      uid: 64_055,
      pid: 60,
      open: ["/dev/vfio/13"],
    }),
    [
      `${GPU} qemu 64055 /dev/vfio/13`,
      `${GPU} blender ann /dev/dri/card1`,
      `${SOUND} blender ann /dev/snd/controlC1`,
    ],
  );
  assertEquals(await held([NIC], { ...BLENDER, open }), [], "others' nodes are nobody's business");
  assertEquals(await held([], { ...BLENDER, open }), []);
});

Deno.test("a process that only ls(1) may look into is no holder unless it is one", async () => {
  const closed = { ...CUPSD, open: ["/run/cups/cups.sock"] };
  const other = { ...CUPSD, comm: "evince", open: ["/dev/dri/renderD129"] };
  assertEquals(await held([GPU], closed, other), [`${GPU} evince root /dev/dri/renderD129`]);
});

Deno.test("the only process that ls(1) has to look into is looked into", async () => {
  assertEquals(await held([GPU], { ...CUPSD, open: ["/run/cups/cups.sock"] }), []);
});

Deno.test("a process that nobody may look into counts as a holder of all", async () => {
  const wholly = { ...CUPSD, confined: "wholly" } as const;
  assertEquals(await held([GPU, SOUND], wholly, CUPSD), [
    `${GPU} cupsd root undefined`,
    `${SOUND} cupsd root undefined`,
  ]);
  assertEquals(await held([NIC], wholly), [`${NIC} cupsd root undefined`]);
});

Deno.test("without ls(1), and where it hides where a link leads, a process counts as a holder", async () => {
  const table: ((host: SimulatedHost) => void)[] = [
    (host) => host.commands.delete("/usr/bin/ls"),
    (host) => host.commands.set("/usr/bin/ls", () => ({ code: 2 })),
    (host) =>
      host.commands.set("/usr/bin/ls", (_, args) => ({
        code: 1,
        stdout: args.slice(2).map((it) => `${it}:\ntotal 0\nlrwx------ 1 root root 64 Jan  2 03:04 3\n`).join("\n"),
      })),
  ];
  for (const change of table) {
    const host = hostOf();
    for (const pid of [70, 71]) host.processes.spawn({ ...CUPSD, pid });
    change(host);
    assertEquals((await on(host, (system) => holdersOf(system, [GPU]))).map(({ pid }) => pid), [70, 71]);
  }
});

for (const confined of [undefined, true] as const) {
  const how = confined ? "that only ls(1) may look into" : "of a container";
  Deno.test(`a process ${how}, in which a card's node is called as another card's is outside`, async () => {
    const host = hostOf();
    const maps = ["/dev/dri/renderD128"];
    const process = host.processes.spawn({ ...BLENDER, comm: "ffmpeg", confined, maps });
    host.processes.open(process, "/dev/null");
    host.processes.open(process, "/dev/dri/renderD128", "/dev/dri/renderD129");
    const found = (address: string) => on(host, (system) => holdersOf(system, [address]));
    assertEquals((await found(GPU)).map(heldBy), [
      `${GPU} is held by ffmpeg (pid ${process.pid}, user ann) through /dev/dri/renderD128`,
    ]);
    assertEquals((await found("0000:00:02.0")).filter(({ name }) => name === "ffmpeg"), []);
    const [holder] = await found(GPU);
    assertEquals(await on(host, (system) => letGo(system, holder!)), false);
    host.processes.close(process, "/dev/dri/renderD128");
    assertEquals((await found("0000:00:02.0")).map(({ node }) => node).includes("/dev/dri/renderD128"), true, "mapped");
  });
}

Deno.test("a holder has let go when the node is closed, and when it is gone", async () => {
  const host = hostOf();
  const process = host.processes.spawn({ ...BLENDER, open: ["/dev/dri/card1"] });
  const look = (holder: Holder) => on(host, (system) => letGo(system, holder));
  const [holder] = await on(host, (system) => holdersOf(system, [GPU]));
  assertEquals(await look(holder!), false);
  host.processes.close(process, "/dev/dri/card1");
  assertEquals(await look(holder!), true);
  host.processes.kill(process.pid);
  assertEquals(await look(holder!), true);
  assertEquals(await look({ ...holder!, node: undefined }), false, "that it let go cannot be seen");
});

Deno.test("holders of a guest's group are found whichever function is asked about", async () => {
  const host = hostOf(server);
  host.processes.spawn({ comm: "qemu", args: ["/usr/bin/qemu"], open: ["/dev/vfio/21"] });
  const found = await on(host, (system) => holdersOf(system, ["0000:02:00.0", "0000:02:00.1"]));
  assertEquals(found.map(({ address }) => address), ["0000:02:00.0"], "one line for the group");
});

Deno.test("for people", () => {
  const holder: Holder = { address: GPU, pid: 812, name: "blender", user: "ann", start: "1", owner: { kind: "none" } };
  assertEquals(
    heldBy({ ...holder, node: "/dev/dri/card1" }),
    `${GPU} is held by blender (pid 812, user ann) through /dev/dri/card1`,
  );
  assertEquals(heldBy(holder), `${GPU} may be held by blender (pid 812, user ann), which cannot be looked into`);
});
