/**
 * The firmware's picture: a platform device below the function whose memory it is in, with a driver that makes a frame
 * buffer of it (drivers/firmware/sysfb.c; docs/vfio.md 4.3). A driver of the kernel's own that takes the function has
 * it removed for good. NVIDIA's does not.
 *
 * @module
 */

import type { Kind } from "./drivers.ts";
import { kernelError } from "./errno.ts";
import type { SimulatedHost } from "./host.ts";
import type { FunctionSpec } from "./machine.ts";
import { Nodes } from "./nodes.ts";
import type { PciFunction } from "./pci-function.ts";
import { File } from "./tree.ts";

const BUS = "/sys/bus/platform";

/** What the drivers call their frame buffers. */
const NAMES: Readonly<Record<NonNullable<FunctionSpec["firmware"]>, string>> = {
  "simple-framebuffer": "simple",
  "efi-framebuffer": "EFI VGA",
  "vesa-framebuffer": "VESA VGA",
};

/** A platform device that is there. */
interface Device {
  /** `simple-framebuffer.0`. */
  readonly name: string;
  /** Name of its driver. */
  readonly driver: keyof typeof NAMES;
  /** The function below which it is. */
  readonly owner: PciFunction;
  /** What its driver has made, while it has one. */
  nodes?: Nodes;
}

/** All of them. */
export class Firmware {
  readonly #devices = new Map<string, Device>();

  /** None before {@linkcode boot}. */
  constructor(readonly host: SimulatedHost) {}

  /** The firmware has shown the boot: its devices are there, each with its driver. */
  boot(): void {
    for (const owner of this.host.pci.functions.values()) {
      const driver = owner.spec.firmware;
      if (driver !== undefined) this.#add({ name: `${driver}.0`, driver, owner });
    }
  }

  /** A driver takes a function: one of the kernel's own takes the screen, and vfio-pci that of a VGA card. */
  giveWay(owner: PciFunction, kind: Kind): void {
    for (const device of [...this.#devices.values()].filter((device) => device.owner === owner)) {
      if (kind === "display" || kind === "vfio" && owner.spec.class.startsWith("0x0300")) this.#remove(device);
      else if (kind === "vfio" && device.nodes) {
        this.host.harm(`${owner.address} shows the firmware's picture under vfio`);
      }
    }
  }

  /** A function may have gone: what was below it is gone too. */
  changed(): void {
    for (const device of [...this.#devices.values()]) {
      if (this.host.pci.functions.get(device.owner.address) !== device.owner) this.#remove(device);
    }
  }

  #path({ name, owner }: Device): string {
    return `${owner.path}/${name}`;
  }

  #add(device: Device): void {
    const { tree } = this.host;
    const { name, driver } = device;
    const path = this.#path(device);
    this.#devices.set(name, device);
    tree.folder(path);
    tree.sysLink(`${path}/subsystem`, BUS);
    tree.sysLink(`${BUS}/devices/${name}`, path);
    const control = (file: string, act: (device: Device) => void) => {
      const store = (text: string) => {
        const device = this.#devices.get(text.trim());
        if (device?.driver !== driver) throw kernelError("ENODEV");
        act(device);
      };
      tree.put(`${BUS}/drivers/${driver}/${file}`, new File("", 0o200, store));
    };
    control("bind", (device) => {
      if (device.nodes) throw kernelError("EBUSY");
      this.#operate(device, () => this.#bind(device));
    });
    control("unbind", (device) => {
      if (!device.nodes) throw kernelError("ENODEV");
      this.#operate(device, () => this.#unbind(device));
    });
    this.#bind(device);
  }

  #operate({ name }: Device, act: () => void): void {
    this.host.operate("firmware", name, undefined, act);
  }

  #bind(device: Device): void {
    const { tree, consoles } = this.host;
    const { name, driver } = device;
    const path = this.#path(device);
    let number = 0;
    while (tree.find(`/sys/class/graphics/fb${number}`)) number++;
    const nodes = device.nodes = new Nodes(tree, path, 0);
    const node = nodes.device(`/dev/fb${number}`, 29, number);
    nodes.classed(`graphics/fb${number}`, "graphics", path, { ...node, name: `${NAMES[driver]}\n` });
    nodes.link(`${path}/driver`, `${BUS}/drivers/${driver}`);
    nodes.link(`${BUS}/drivers/${driver}/${name}`, path);
    consoles.changed();
  }

  #unbind(device: Device): void {
    device.nodes?.drop();
    device.nodes = undefined;
    this.host.consoles.changed();
  }

  #remove(device: Device): void {
    this.#unbind(device);
    this.#devices.delete(device.name);
    for (const path of [this.#path(device), `${BUS}/devices/${device.name}`]) this.host.tree.drop(path);
  }
}
