/**
 * Machines whose graphics cards a desktop and a guest both want. What runs on them is put there by `withDesktop`
 * (tests/simulated/desktops.ts).
 *
 * @module
 */

import type { FunctionSpec, Machine, ModuleSpec } from "./machine.ts";
import { bridge, input, mounts, nvme, xhci } from "./parts.ts";

/** What is on the board of all of them: disk, USB, network, sound. */
const board: readonly FunctionSpec[] = [
  bridge("0000:00:1c.4", 9),
  bridge("0000:00:1c.5", 10),
  xhci,
  {
    ...{ address: "0000:00:1f.3", class: "0x040300", vendor: "0x8086", device: "0x7ad0" },
    driver: "snd_hda_intel",
    group: 11,
    sound: 1,
  },
  nvme,
  {
    ...{ address: "0000:05:00.0", class: "0x020000", vendor: "0x8086", device: "0x1533" },
    driver: "igb",
    group: 18,
    above: "0000:00:1c.5",
    net: "enp5s0",
  },
];

/** The graphics of a processor. */
const igpu: FunctionSpec = {
  ...{ address: "0000:00:02.0", class: "0x030000", vendor: "0x8086", device: "0x4680" },
  driver: "i915",
  group: 0,
  bootVga: true,
  firmware: "simple-framebuffer",
  drm: { card: 0, render: 128, fb: 0, i2c: [0, 1], connectors: [{ name: "eDP-1", connected: true }] },
};

/** A Radeon RX 7900 behind its own switch, and its sound. */
function radeon(card: number, more: Partial<FunctionSpec>): FunctionSpec[] {
  const above = "0000:02:00.0";
  return [
    bridge("0000:00:01.0", 1),
    bridge("0000:01:00.0", 12, "0000:00:01.0"),
    bridge(above, 13, "0000:01:00.0"),
    {
      ...{ address: "0000:03:00.0", class: "0x030000", vendor: "0x1002", device: "0x744c" },
      driver: "amdgpu",
      group: 14,
      above,
      drm: {
        ...{ card, render: 128 + card, fb: card, i2c: [3, 4] },
        connectors: [{ name: "HDMI-A-1", connected: true }, { name: "DP-1", connected: false }],
      },
      ...more,
    },
    {
      ...{ address: "0000:03:00.1", class: "0x040300", vendor: "0x1002", device: "0xab30" },
      driver: "snd_hda_intel",
      group: 15,
      above,
      sound: 0,
    },
  ];
}

/** A GeForce RTX 4090 on NVIDIA's own driver, and its sound. */
function geforce(card: number, more: Partial<FunctionSpec>): FunctionSpec[] {
  const above = "0000:00:01.0";
  return [
    bridge(above, 1),
    {
      ...{ address: "0000:01:00.0", class: "0x030000", vendor: "0x10de", device: "0x2684" },
      driver: "nvidia",
      knownBy: ["nvidia", "nouveau"],
      group: 13,
      above,
      drm: { card, render: 128 + card, i2c: [4, 5], connectors: [{ name: "DP-1", connected: true }] },
      ...more,
    },
    {
      ...{ address: "0000:01:00.1", class: "0x040300", vendor: "0x10de", device: "0x22ba" },
      driver: "snd_hda_intel",
      group: 13,
      above,
      sound: 0,
    },
  ];
}

/** NVIDIA's modules, and who needs whom. */
const NVIDIA: readonly ModuleSpec[] = [
  { name: "nvidia", nodes: ["/dev/nvidiactl"], loaded: true },
  { name: "nvidia_modeset", needs: ["nvidia"], nodes: ["/dev/nvidia-modeset"], loaded: true },
  { name: "nvidia_drm", needs: ["nvidia_modeset", "drm"], cardsOf: "nvidia", loaded: true },
  { name: "nvidia_uvm", needs: ["nvidia"], nodes: ["/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"], loaded: true },
];

/** NVIDIA's daemon that keeps the card initialised. */
const persistenced = {
  name: "nvidia-persistenced.service",
  processes: [{
    comm: "nvidia-persiste",
    args: ["/usr/bin/nvidia-persistenced", "--user", "nvidia-persistenced", "--verbose"],
    uid: 143,
    open: ["/dev/nvidiactl", "/dev/nvidia0"],
  }],
} as const;

/** One card, an AMD one, whose driver keeps a reference to its module (docs/vfio.md M7). */
export const singleGpu: Machine = {
  name: "single-gpu",
  iommu: true,
  functions: [...board, ...radeon(0, { bootVga: true, firmware: "simple-framebuffer" })],
  ...input,
  mounts,
  routes: ["enp5s0"],
  modules: [{ name: "amdgpu", internal: 1 }],
};

/** One card, on NVIDIA's driver; the text console is on the firmware's picture. */
export const singleNvidia: Machine = {
  ...singleGpu,
  name: "single-nvidia",
  functions: [...board, ...geforce(0, { bootVga: true, firmware: "efi-framebuffer" })],
  modules: NVIDIA,
  units: [persistenced],
};

/** The processor's graphics with the screen of a laptop, and an AMD card beside it. */
export const hybrid: Machine = {
  ...singleGpu,
  name: "hybrid",
  functions: [...board, igpu, ...radeon(1, {})],
};

/** The same with a card on NVIDIA's driver. */
export const hybridNvidia: Machine = {
  ...singleNvidia,
  name: "hybrid-nvidia",
  functions: [...board, igpu, ...geforce(1, {})],
};
