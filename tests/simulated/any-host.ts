/**
 * Any machine, for property tests.
 *
 * @module
 */

import fc from "fast-check";
import type { FunctionSpec, Machine } from "./machine.ts";

/** What a card in a slot may be: the functions of it. */
const CARDS = [
  ["gpu", "sound"],
  ["gpu"],
  ["net"],
  ["net", "net"],
  ["nvme"],
  ["usb"],
  ["gpu", "sound", "usb"],
] as const;

/** What each kind of function is like, beside its address. */
const KINDS = {
  gpu: { class: "0x030000", vendor: "0x10de", device: "0x2684", drivers: ["nouveau", "amdgpu"] },
  sound: { class: "0x040300", vendor: "0x10de", device: "0x22ba", drivers: ["snd_hda_intel"] },
  net: { class: "0x020000", vendor: "0x8086", device: "0x10d3", drivers: ["e1000e", "igb"] },
  nvme: { class: "0x010802", vendor: "0x144d", device: "0xa80a", drivers: ["nvme"] },
  usb: { class: "0x0c0330", vendor: "0x1b21", device: "0x3242", drivers: ["xhci_hcd"] },
} as const;

/** What there is to decide about a function. */
const anyState = fc.record({
  driver: fc.constantFrom("home", "home", "home", "other", "none", "vfio-pci", "pci-stub"),
  override: fc.boolean(),
  power: fc.constantFrom("on", "auto"),
  d3cold: fc.boolean(),
  resets: fc.constantFrom(undefined, [], ["bus"]),
  held: fc.integer({ min: 0, max: 9 }),
  special: fc.integer({ min: 0, max: 9 }),
});

/** What there is to decide about a slot. */
const anyCard = fc.record({
  functions: fc.constantFrom(...CARDS),
  states: fc.array(anyState, { minLength: 3, maxLength: 3 }),
  ownGroups: fc.boolean(),
  behindBridge: fc.boolean(),
});

const hex = (value: number) => value.toString(16).padStart(2, "0");

/** Driver and override that a state stands for. A function is on vfio-pci only with an override, as somebody set it. */
function driverOf(
  state: { driver: string; override: boolean },
  drivers: readonly string[],
): Pick<FunctionSpec, "driver" | "override"> {
  switch (state.driver) {
    case "none":
      return {};
    case "home":
      return state.override ? { driver: drivers[0], override: drivers[0] } : { driver: drivers[0] };
    case "other":
      return { driver: drivers.at(-1) };
    default:
      return { driver: state.driver, override: state.driver };
  }
}

/** A machine of up to five cards with any drivers, groups, holders, mounts and routes. */
export const anyHost: fc.Arbitrary<Machine> = fc.record({
  iommu: fc.integer({ min: 0, max: 19 }).map((n) => n > 0),
  cards: fc.array(anyCard, { minLength: 1, maxLength: 5 }),
}).map(({ iommu, cards }) => {
  const functions: FunctionSpec[] = [];
  const mounts: [string, string, string][] = [];
  const routes: string[] = [];
  const processes: { comm: string; args: string[]; uid: number; open: string[] }[] = [];
  let group = 1;
  cards.forEach((card, slot) => {
    const bus = card.behindBridge ? slot + 1 : 0;
    const bridge = `0000:00:${hex(0x10 + slot)}.0`;
    if (card.behindBridge) {
      functions.push({
        address: bridge,
        class: "0x060400",
        vendor: "0x8086",
        device: "0xa73d",
        driver: "pcieport",
        group: group++,
      });
    }
    card.functions.forEach((kind, index) => {
      const state = card.states[index]!;
      const address = `0000:${hex(bus)}:${card.behindBridge ? "00" : hex(slot + 1)}.${index}`;
      const { drivers, ...ids } = KINDS[kind];
      const unique = slot * 3 + index;
      const net = `eth${unique}`;
      const disk = `nvme${unique}n1`;
      const bound = driverOf(state, drivers);
      const home = bound.driver !== undefined && (drivers as readonly string[]).includes(bound.driver);
      functions.push({
        address,
        ...ids,
        ...bound,
        knownBy: drivers,
        group: card.ownGroups ? group + index : group,
        above: card.behindBridge ? bridge : undefined,
        power: state.power as "on" | "auto",
        d3cold: state.d3cold,
        resets: state.resets,
        bootVga: kind === "gpu" && slot === 0,
        ...kind === "gpu" ? { drm: { card: unique, render: 128 + unique } } : {},
        ...kind === "sound" ? { sound: unique } : {},
        ...kind === "net" ? { net } : {},
        ...kind === "nvme" ? { blocks: [{ name: disk, below: `nvme/nvme${unique}` }] } : {},
      });
      if (!home) return;
      if (kind === "net" && state.special === 0) routes.push(net);
      if (kind === "nvme" && state.special < 5) mounts.push([`/dev/${disk}`, `/mnt/${unique}`, "ext4"]);
      if (kind === "gpu" && state.held === 0) {
        processes.push({ comm: "blender", args: ["/usr/bin/blender"], uid: 1000, open: [`/dev/dri/card${unique}`] });
      }
    });
    group += 3;
  });
  return { name: "any", iommu, functions, mounts, routes, processes };
});

/** Functions of a machine that a guest may be given, by what they are: all but bridges. */
export function givable(machine: Machine): string[] {
  return machine.functions.filter((spec) => !spec.class.startsWith("0x06")).map((spec) => spec.address);
}
