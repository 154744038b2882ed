import { assertEquals } from "@std/assert";
import {
  connectedOf,
  connectorsOf,
  type Display,
  hasCard,
  platformDriver,
  readDisplays,
} from "../../lib/host/display.ts";
import { GPU, hostOf, NIC, on } from "../on-host.ts";
import { hybrid, hybridNvidia, singleGpu, singleNvidia } from "../simulated/gpu-machines.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import type { FunctionSpec, Machine } from "../simulated/machine.ts";
import { workstation } from "../simulated/machines.ts";

const IGPU = "0000:00:02.0";
const EFI = "efi-framebuffer.0";

/** One display function of a host. */
const displayOf = async (host: SimulatedHost, address: string): Promise<Display> =>
  (await on(host, readDisplays)).find((display) => display.address === address)!;
/** A machine with a function changed. */
const changed = (machine: Machine, address: string, more: Partial<FunctionSpec>): Machine => ({
  ...machine,
  functions: machine.functions.map((fn) => fn.address === address ? { ...fn, ...more } : fn),
});

/** What the host uses on each of its display functions. */
const TABLE: readonly (readonly [Machine, ...Display[]])[] = [
  [
    workstation,
    { ...plain(IGPU), bootVga: true, console: true, connected: ["HDMI-A-1"] },
    plain(GPU),
  ],
  [singleGpu, { ...plain("0000:03:00.0"), bootVga: true, console: true, connected: ["HDMI-A-1"] }],
  [
    singleNvidia,
    {
      ...plain(GPU),
      ...{ bootVga: true, console: true, firmware: [EFI], connected: ["DP-1"] },
      unload: ["nvidia_uvm", "nvidia_drm", "nvidia_modeset", "nvidia"],
    },
  ],
  [
    hybrid,
    { ...plain(IGPU), bootVga: true, console: true, connected: ["eDP-1"] },
    { ...plain("0000:03:00.0"), connected: ["HDMI-A-1"] },
  ],
  [
    hybridNvidia,
    { ...plain(IGPU), bootVga: true, console: true, connected: ["eDP-1"] },
    { ...plain(GPU), connected: ["DP-1"], unload: ["nvidia_uvm", "nvidia_drm", "nvidia_modeset", "nvidia"] },
  ],
];

/** A function with a card on which the host shows nothing. */
function plain(address: string): Display {
  const nothing = { firmware: [], connected: [], unload: [], needed: [], sharing: [] };
  return { address, card: true, bootVga: false, console: false, ...nothing };
}

for (const [machine, ...displays] of TABLE) {
  Deno.test(`displays of ${machine.name}`, async () => {
    assertEquals(await on(hostOf(machine), readDisplays), displays);
  });
}

Deno.test("displays: those without a driver, and with vfio, show nothing and have nothing to unload", async () => {
  const host = hostOf({ ...singleNvidia, units: [] });
  const gpu = host.pci.at(GPU);
  host.pci.unbind(gpu);
  const left = { ...plain(GPU), card: false, bootVga: true };
  assertEquals(await displayOf(host, GPU), { ...left, console: true, firmware: [EFI] });
  host.modules.load("vfio_pci");
  host.pci.bind(gpu, "vfio-pci");
  assertEquals(await displayOf(host, GPU), left);
});

Deno.test("displays: only modules that are loaded have to go, and none that is part of the kernel", async () => {
  const host = hostOf(hybridNvidia);
  host.modules.unload("nvidia_uvm");
  host.tree.drop("/sys/module/nvidia_modeset/refcnt");
  assertEquals((await displayOf(host, GPU)).unload, ["nvidia_drm", "nvidia"]);
});

Deno.test("displays: other functions on the same driver share it, files of the driver do not", async () => {
  const host = hostOf(changed(workstation, GPU, { driver: "i915" }));
  assertEquals((await displayOf(host, GPU)).sharing, [IGPU]);
  assertEquals((await displayOf(host, IGPU)).sharing, [GPU]);
});

Deno.test("displays: a frame buffer of the firmware is the function's that it lies below", async () => {
  const host = hostOf(changed(hybridNvidia, GPU, { firmware: "simple-framebuffer" }));
  assertEquals((await displayOf(host, GPU)).firmware, ["simple-framebuffer.0"]);
  assertEquals((await displayOf(host, IGPU)).firmware, []);
});

Deno.test("displays: before Linux 6.9 it lies below none, and is that of the boot's screen", async () => {
  const host = hostOf(hybridNvidia);
  const path = `/sys/devices/platform/${EFI}`;
  host.tree.sysLink(`${path}/driver`, "/sys/bus/platform/drivers/efi-framebuffer");
  host.tree.sysLink(`/sys/bus/platform/devices/${EFI}`, path);
  assertEquals([(await displayOf(host, IGPU)).firmware, (await displayOf(host, GPU)).firmware], [[EFI], []]);
});

Deno.test("displays: a frame buffer without a driver, and other platform devices, are in nobody's way", async () => {
  const host = hostOf(singleNvidia);
  const below = (name: string) => `${host.pci.at(GPU).path}/${name}`;
  host.tree.sysLink(`${below("reg-dummy.0")}/driver`, "/sys/bus/platform/drivers/reg-dummy");
  host.tree.sysLink("/sys/bus/platform/devices/reg-dummy.0", below("reg-dummy.0"));
  assertEquals((await displayOf(host, GPU)).firmware, [EFI]);
  assertEquals(await on(host, (system) => platformDriver(system, EFI)), "efi-framebuffer");
  await on(host, (system) => system.write(`/sys/bus/platform/drivers/efi-framebuffer/unbind`, EFI));
  assertEquals((await displayOf(host, GPU)).firmware, []);
  assertEquals(await on(host, (system) => platformDriver(system, EFI)), undefined);
});

Deno.test("connectors: by their own names, whatever the number of the card, with those that have a monitor", async () => {
  const connectors = [{ name: "DP-1", connected: true }, { name: "HDMI-A-1", connected: false }];
  for (const card of [1, 12]) {
    const host = hostOf(changed(workstation, GPU, { drm: { card, render: 129, connectors } }));
    const folder = `/sys/bus/pci/devices/${GPU}/drm/card${card}/card${card}`;
    assertEquals([...await on(host, (system) => connectorsOf(system, GPU))], [
      ["DP-1", `${folder}-DP-1`],
      ["HDMI-A-1", `${folder}-HDMI-A-1`],
    ]);
    assertEquals(await on(host, (system) => connectedOf(system, GPU)), ["DP-1"]);
  }
});

Deno.test("a card: there while its driver has made one, which may come with another module", async () => {
  const host = hostOf({ ...singleNvidia, units: [] });
  const card = (address: string) => on(host, (system) => hasCard(system, address));
  assertEquals(await card(GPU), true);
  assertEquals(await card("0000:01:00.1"), false);
  host.modules.unload("nvidia_uvm");
  host.modules.unload("nvidia_drm");
  assertEquals(await card(GPU), false);
  const other = hostOf();
  assertEquals(await on(other, (system) => hasCard(system, NIC)), false);
  other.tree.drop(`${other.pci.at(GPU).path}/drm/card1`);
  assertEquals(await on(other, (system) => hasCard(system, GPU)), false, "a render node shows no desktop");
});
