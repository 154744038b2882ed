/**
 * What the kernel's drivers are to the simulated host: their module, and what they make of a function.
 *
 * @module
 */

import type { FunctionSpec } from "./machine.ts";
import { Link, Special } from "./tree.ts";
import type { Tree } from "./tree.ts";

/** What a driver drives; see {@linkcode KINDS}. */
export type Kind = "display" | "sound" | "net" | "storage" | "usb" | "vfio" | "plain";

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
  "amdgpu": { module: "amdgpu", kind: "display", needs: ["drm"] },
  "nouveau": { module: "nouveau", kind: "display", needs: ["drm"] },
  "nvidia": { module: "nvidia", kind: "display", needs: ["drm"] },
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

/** Puts nodes of a function into the tree and remembers them, so that they go with the driver. */
export class Nodes {
  /** Paths that were made. */
  readonly made: string[] = [];
  /** Device nodes among them. */
  readonly devices: string[] = [];

  /**
   * Nodes of a function, none yet.
   *
   * @param tree Where.
   * @param folder The function's folder.
   * @param serial Counts bindings, for names that the kernel numbers.
   */
  constructor(readonly tree: Tree, readonly folder: string, readonly serial: number) {}

  /** A folder below the function, with attributes. */
  part(below: string, attributes: Readonly<Record<string, string>> = {}): string {
    const path = `${this.folder}/${below}`;
    this.tree.folder(path);
    this.made.push(`${this.folder}/${below.split("/")[0]}`);
    for (const [name, text] of Object.entries(attributes)) this.tree.file(`${path}/${name}`, text);
    return path;
  }

  /** The same, as a device of a class: with `device`, `subsystem` and the class's link to it. */
  classed(below: string, klass: string, device: string, attributes: Readonly<Record<string, string>> = {}): string {
    const path = this.part(below, attributes);
    const name = path.slice(path.lastIndexOf("/") + 1);
    this.tree.sysLink(`${path}/device`, device);
    this.tree.sysLink(`${path}/subsystem`, `/sys/class/${klass}`);
    this.link(`/sys/class/${klass}/${name}`, path);
    return path;
  }

  /** A link into the tree that goes with the driver. */
  link(path: string, target: string): void {
    this.tree.sysLink(path, target);
    this.made.push(path);
  }

  /** A node in /dev; gives the attributes that tell of it. */
  device(
    path: string,
    major: number,
    minor: number,
    type: "character" | "block" = "character",
  ): { dev: string; uevent: string } {
    this.tree.put(path, new Special(`${type} special file`, major, minor));
    this.made.push(path);
    this.devices.push(path);
    return {
      dev: `${major}:${minor}\n`,
      uevent: `MAJOR=${major}\nMINOR=${minor}\nDEVNAME=${path.slice("/dev/".length)}\n`,
    };
  }

  /** A block device: folder, node, and the links by name and by number. */
  block(below: string, device: string, minor: number): string {
    const name = below.slice(below.lastIndexOf("/") + 1);
    const node = this.device(`/dev/${name}`, 259, minor, "block");
    const path = this.classed(below, "block", device, { ...node, size: "1000215216\n" });
    this.link(`/sys/dev/block/259:${minor}`, path);
    return path;
  }

  /** Any link in /dev. */
  alias(path: string, text: string): void {
    this.tree.put(path, new Link(text));
    this.made.push(path);
  }

  /** Takes everything away. */
  drop(): void {
    for (const path of this.made.reverse()) this.tree.drop(path);
  }
}

/** Display: DRM card and render node, connectors, frame buffer, the i2c buses of its connectors. */
function display(spec: FunctionSpec, nodes: Nodes): void {
  if (!spec.drm) return;
  const { card, render, fb, i2c = [], connectors = [] } = spec.drm;
  const name = `card${card}`;
  const path = nodes.classed(`drm/${name}`, "drm", nodes.folder, nodes.device(`/dev/dri/${name}`, 226, card));
  nodes.alias(`/dev/dri/by-path/pci-${spec.address}-card`, `../${name}`);
  if (render !== undefined) {
    nodes.classed(`drm/renderD${render}`, "drm", nodes.folder, nodes.device(`/dev/dri/renderD${render}`, 226, render));
  }
  for (const { name: connector, connected } of connectors) {
    const status = connected ? "connected\n" : "disconnected\n";
    nodes.classed(`drm/${name}/${name}-${connector}`, "drm", path, {
      status,
      enabled: "disabled\n",
      edid: "",
      modes: "",
    });
  }
  if (fb !== undefined) {
    const node = nodes.device(`/dev/fb${fb}`, 29, fb);
    nodes.classed(`graphics/fb${fb}`, "graphics", nodes.folder, { ...node, name: `${spec.driver ?? "drm"}drmfb\n` });
  }
  for (const bus of i2c) {
    nodes.classed(`i2c-${bus}/i2c-dev/i2c-${bus}`, "i2c-dev", nodes.folder, nodes.device(`/dev/i2c-${bus}`, 89, bus));
  }
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
  sound: { nodes: sound, waits: true },
  net: { nodes: net },
  storage: { nodes: storage },
  usb: {},
  vfio: { nodes: vfio, waits: true },
  plain: {},
};
