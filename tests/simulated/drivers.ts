/**
 * What the kernel's drivers are to the simulated host: their module, and what they make of a function.
 *
 * @module
 */

import { kernelError } from "./errno.ts";
import type { FunctionSpec } from "./machine.ts";
import type { Nodes } from "./nodes.ts";
import { File } from "./tree.ts";

/** What a driver drives; see {@linkcode KINDS}. */
export type Kind = "display" | "nvidia" | "sound" | "net" | "storage" | "usb" | "vfio" | "plain";

/** A driver of the PCI bus. */
export interface DriverSpec {
  /** Module with underscores; none: it is part of the kernel. */
  readonly module?: string;
  /** What it drives. */
  readonly kind: Kind;
  /** Modules that its module needs. */
  readonly needs?: readonly string[];
  /** It does not switch its functions off when it leaves them. */
  readonly staysOn?: true;
}

/** Drivers by their names in /sys/bus/pci/drivers. Others are `plain`, with a module of their own name. */
export const DRIVERS: Readonly<Record<string, DriverSpec>> = {
  "pcieport": { kind: "plain" },
  "i801_smbus": { module: "i2c_i801", kind: "plain", staysOn: true },
  "ahci": { module: "ahci", kind: "storage" },
  "nvme": { module: "nvme", kind: "storage", needs: ["nvme_core"] },
  "virtio-pci": { kind: "storage" },
  "xhci_hcd": { module: "xhci_pci", kind: "usb" },
  "i915": { module: "i915", kind: "display", needs: ["drm"] },
  "xe": { module: "xe", kind: "display", needs: ["drm"] },
  "amdgpu": { module: "amdgpu", kind: "display", needs: ["drm"] },
  "radeon": { module: "radeon", kind: "display", needs: ["drm"] },
  "nouveau": { module: "nouveau", kind: "display", needs: ["drm"] },
  "nvidia": { module: "nvidia", kind: "nvidia", needs: ["drm"] },
  "bochs-drm": { module: "bochs", kind: "display", needs: ["drm"] },
  "snd_hda_intel": { module: "snd_hda_intel", kind: "sound", needs: ["snd_pcm"] },
  "e1000e": { module: "e1000e", kind: "net" },
  "igb": { module: "igb", kind: "net" },
  "igbvf": { module: "igbvf", kind: "net" },
  "i40e": { module: "i40e", kind: "net" },
  "iavf": { module: "iavf", kind: "net" },
  "mlx5_core": { module: "mlx5_core", kind: "net" },
  "vfio-pci": { module: "vfio_pci", kind: "vfio", needs: ["vfio_pci_core"] },
  "mlx5_vfio_pci": { module: "mlx5_vfio_pci", kind: "vfio", needs: ["mlx5_core", "vfio_pci_core"] },
  "pci-stub": { module: "pci_stub", kind: "plain" },
};

/** A driver by its name. */
export function driverSpec(name: string): DriverSpec {
  return DRIVERS[name] ?? { module: name.replaceAll("-", "_"), kind: "plain" };
}

/** What a driver drives. */
export function kindOf(driver: string): Kind {
  return driverSpec(driver).kind;
}

/** `status` of a connector: what is written makes the driver look again, or forces a state, which nobody does here. */
export function connectorStatus(connected: () => boolean, detect: () => void = () => {}): File {
  return new File(() => connected() ? "connected\n" : "disconnected\n", 0o644, (text) => {
    if (text.trim() !== "detect") throw kernelError("EINVAL");
    detect();
  });
}

/** DRM card and render node, connectors, frame buffer. */
export function card(spec: FunctionSpec, nodes: Nodes): void {
  if (!spec.drm) return;
  const { card, render, fb, connectors = [] } = spec.drm;
  const name = `card${card}`;
  const path = nodes.classed(`drm/${name}`, "drm", nodes.folder, nodes.device(`/dev/dri/${name}`, 226, card));
  nodes.alias(`/dev/dri/by-path/pci-${spec.address}-card`, `../${name}`);
  if (render !== undefined) {
    nodes.classed(`drm/renderD${render}`, "drm", nodes.folder, nodes.device(`/dev/dri/renderD${render}`, 226, render));
  }
  for (const { name: connector, connected } of connectors) {
    const attributes = { enabled: "disabled\n", edid: "", modes: "" };
    const folder = nodes.classed(`drm/${name}/${name}-${connector}`, "drm", path, attributes);
    nodes.tree.put(`${folder}/status`, connectorStatus(() => connected));
  }
  if (fb !== undefined) {
    const node = nodes.device(`/dev/fb${fb}`, 29, fb);
    nodes.classed(`graphics/fb${fb}`, "graphics", nodes.folder, { ...node, name: `${spec.driver ?? "drm"}drmfb\n` });
  }
}

/** The i2c buses of a card's connectors. */
function buses(spec: FunctionSpec, nodes: Nodes): void {
  for (const bus of spec.drm?.i2c ?? []) {
    nodes.classed(`i2c-${bus}/i2c-dev/i2c-${bus}`, "i2c-dev", nodes.folder, nodes.device(`/dev/i2c-${bus}`, 89, bus));
  }
}

/** Display: all of that. */
function display(spec: FunctionSpec, nodes: Nodes): void {
  card(spec, nodes);
  buses(spec, nodes);
}

/** NVIDIA's own driver: its node, and the file that tells which one it is; the card comes with another module. */
function nvidia(spec: FunctionSpec, nodes: Nodes): void {
  let minor = 0;
  while (nodes.tree.find(`/dev/nvidia${minor}`)) minor++;
  nodes.device(`/dev/nvidia${minor}`, 195, minor);
  const folder = `/proc/driver/nvidia/gpus/${spec.address}`;
  nodes.tree.file(
    `${folder}/information`,
    `Model: \t\t NVIDIA GeForce RTX 4090\nBus Location: \t ${spec.address}\nDevice Minor: \t ${minor}\n`,
    0o444,
  );
  nodes.made.push(folder);
  buses(spec, nodes);
}

/** Sound: the card's control node and its first PCM. */
function sound(spec: FunctionSpec, nodes: Nodes): void {
  if (spec.sound === undefined) return;
  const card = `sound/card${spec.sound}`;
  nodes.classed(card, "sound", nodes.folder, { number: `${spec.sound}\n`, id: `card${spec.sound}\n` });
  [`controlC${spec.sound}`, `pcmC${spec.sound}D3p`, `hwC${spec.sound}D0`].forEach((name, index) => {
    const node = nodes.device(`/dev/snd/${name}`, 116, spec.sound! * 32 + index);
    nodes.classed(`${card}/${name}`, "sound", `${nodes.folder}/${card}`, node);
  });
}

/** Network: the interface. */
function net(spec: FunctionSpec, nodes: Nodes): void {
  if (spec.net === undefined) return;
  const attributes = { operstate: "up\n", address: "52:54:00:00:00:01\n", type: "1\n" };
  nodes.classed(`net/${spec.net}`, "net", nodes.folder, attributes);
}

/** Storage: block devices and their partitions. */
function storage(spec: FunctionSpec, nodes: Nodes): void {
  let minor = nodes.serial * 16;
  for (const { name, below, partitions = [] } of spec.blocks ?? []) {
    const disk = nodes.block(`${below}/${name}`, nodes.folder, minor++);
    for (const partition of partitions) nodes.block(`${below}/${name}/${partition}`, disk, minor++);
  }
}

/** vfio: the function's own node; those of groups are in tests/simulated/pci.ts. */
function vfio(_spec: FunctionSpec, nodes: Nodes): void {
  const name = `vfio${nodes.serial}`;
  nodes.classed(
    `vfio-dev/${name}`,
    "vfio-dev",
    nodes.folder,
    nodes.device(`/dev/vfio/devices/${name}`, 243, nodes.serial),
  );
}

/** What a kind of driver does with a function. */
interface KindSpec {
  /** Puts its nodes in place. */
  readonly nodes?: (spec: FunctionSpec, nodes: Nodes) => void;
  /** Its unbind waits, without an end, until nobody has a node of it open (docs/vfio.md F5, F12). */
  readonly waits?: boolean;
}

/** The kinds of drivers. What is on a USB controller is in tests/simulated/usb.ts. */
export const KINDS: Readonly<Record<Kind, KindSpec>> = {
  display: { nodes: display, waits: true },
  nvidia: { nodes: nvidia, waits: true },
  sound: { nodes: sound, waits: true },
  net: { nodes: net },
  storage: { nodes: storage },
  usb: {},
  vfio: { nodes: vfio, waits: true },
  plain: {},
};
