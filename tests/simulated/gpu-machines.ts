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

/** What a driver drives. */
type Ids = Readonly<Record<string, Pick<FunctionSpec, "vendor" | "device">>>;

/** Graphics of processors. */
const PROCESSORS = {
  i915: { vendor: "0x8086", device: "0x4680" },
  xe: { vendor: "0x8086", device: "0x64a0" },
  amdgpu: { vendor: "0x1002", device: "0x164e" },
  radeon: { vendor: "0x1002", device: "0x130f" },
} as const satisfies Ids;

/** Drivers that a processor's graphics may have. */
export type Processor = keyof typeof PROCESSORS;

/** The graphics of a processor. */
const processor = (driver: Processor): FunctionSpec => ({
  ...{ address: "0000:00:02.0", class: "0x030000", ...PROCESSORS[driver] },
  driver,
  group: 0,
  bootVga: true,
  firmware: "simple-framebuffer",
  drm: { card: 0, render: 128, fb: 0, i2c: [0, 1], connectors: [{ name: "eDP-1", connected: true }] },
});

/** Cards beside NVIDIA's own. */
const CARDS = {
  amdgpu: { vendor: "0x1002", device: "0x744c" },
  radeon: { vendor: "0x1002", device: "0x6819" },
  i915: { vendor: "0x8086", device: "0x56a0" },
  xe: { vendor: "0x8086", device: "0xe20b" },
  nouveau: { vendor: "0x10de", device: "0x1c03" },
} as const satisfies Ids;

/** Drivers that a card may have. */
export type Driver = keyof typeof CARDS | "nvidia";

/** A card behind its own switch, and its sound. */
function ordinary(driver: keyof typeof CARDS, card: number, more: Partial<FunctionSpec>): FunctionSpec[] {
  const above = "0000:02:00.0";
  return [
    bridge("0000:00:01.0", 1),
    bridge("0000:01:00.0", 12, "0000:00:01.0"),
    bridge(above, 13, "0000:01:00.0"),
    {
      ...{ address: "0000:03:00.0", class: "0x030000", ...CARDS[driver] },
      driver,
      group: 14,
      above,
      drm: {
        ...{ card, render: 128 + card, fb: card, i2c: [3, 4] },
        connectors: [{ name: "HDMI-A-1", connected: true }, { name: "DP-1", connected: false }],
      },
      ...more,
    },
    {
      ...{ address: "0000:03:00.1", class: "0x040300", vendor: CARDS[driver].vendor, device: "0xab30" },
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

/** What a driver's cards bring with them. amdgpu keeps a reference to its module (docs/vfio.md M7). */
const BESIDE: Partial<Record<Driver, Pick<Machine, "modules" | "units">>> = {
  amdgpu: { modules: [{ name: "amdgpu", internal: 1 }] },
  nvidia: { modules: NVIDIA, units: [persistenced] },
};

/** A machine with a card, and perhaps with a processor's graphics before it. */
function machine(driver: Driver, processors: readonly Processor[], more: Partial<FunctionSpec>): Machine {
  const card = driver === "nvidia" ? geforce(processors.length, more) : ordinary(driver, processors.length, more);
  const beside = [driver, ...processors].map((name) => BESIDE[name]);
  return {
    name: ["machine with", ...processors, driver].join(" "),
    iommu: true,
    functions: [...board, ...processors.map(processor), ...card],
    ...input,
    mounts,
    routes: ["enp5s0"],
    modules: beside.flatMap((its) => its?.modules ?? []),
    units: beside.flatMap((its) => its?.units ?? []),
  };
}

/** One card; with NVIDIA's driver the text console is on the firmware's picture. */
export function single(driver: Driver): Machine {
  const firmware = driver === "nvidia" ? "efi-framebuffer" : "simple-framebuffer";
  return machine(driver, [], { bootVga: true, firmware });
}

/** The processor's graphics with the screen of a laptop, and a card beside it. */
export function pair(graphics: Processor, driver: Driver): Machine {
  return machine(driver, [graphics], {});
}

/** One card, an AMD one. */
export const singleGpu: Machine = { ...single("amdgpu"), name: "single-gpu" };
/** One card, on NVIDIA's driver. */
export const singleNvidia: Machine = { ...single("nvidia"), name: "single-nvidia" };
/** Intel's graphics, and an AMD card beside them. */
export const hybrid: Machine = { ...pair("i915", "amdgpu"), name: "hybrid" };
/** The same with a card on NVIDIA's driver. */
export const hybridNvidia: Machine = { ...pair("i915", "nvidia"), name: "hybrid-nvidia" };

/** The same with one more of NVIDIA's cards, at 0000:06:00.0, which shows nothing. */
export function withSecondGeforce(machine: Machine): Machine {
  const address = "0000:06:00.0";
  const [card, sound] = geforce(2, { address, above: "0000:00:1c.4", group: 30 }).filter(({ class: code }) =>
    !code.startsWith("0x06")
  );
  const second = [card!, {
    ...sound!,
    address: address.replace(/0$/, "1"),
    above: "0000:00:1c.4",
    group: 30,
    sound: 2,
  }];
  return { ...machine, name: `${machine.name} and a second card`, functions: [...machine.functions, ...second] };
}
