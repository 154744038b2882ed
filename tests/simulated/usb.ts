/**
 * USB devices: there while the driver of their controller is.
 *
 * @module
 */

import type { SimulatedHost } from "./host.ts";
import type { UsbSpec } from "./machine.ts";
import { Nodes } from "./nodes.ts";
import type { PciFunction } from "./pci-function.ts";

/** Protocol of a HID interface: boot keyboard or mouse. */
const PROTOCOL = { keyboard: "01", mouse: "02" } as const;
/** Handlers and capabilities in /proc/bus/input/devices: a keyboard has the keys of a whole keyboard. */
const INPUT = {
  keyboard:
    "H: Handlers=sysrq kbd leds eventN\nB: PROP=0\nB: EV=120013\nB: KEY=1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n",
  mouse: "H: Handlers=mouse0 eventN\nB: PROP=0\nB: EV=17\nB: KEY=ff0000 0 0 0 0\nB: REL=1943\n",
} as const;

/** What is on the USB controllers. */
export class Usb {
  readonly #nodes = new Map<string, Nodes>();
  readonly #inputs = new Map<string, string>();
  #number = 1;
  #event = 0;

  /** Nothing is plugged in before a controller has its driver. */
  constructor(readonly host: SimulatedHost) {
    host.tree.folder("/sys/bus/usb/devices");
    host.tree.file("/proc/bus/input/devices", () => [...this.#inputs.values()].join(""), 0o444);
  }

  /** Devices that the host has now. */
  present(): UsbSpec[] {
    return (this.host.machine.usb ?? []).filter((spec) => this.#nodes.has(spec.port));
  }

  /** A controller got a driver, or lost it. */
  changed(controller: PciFunction): void {
    for (const spec of this.host.machine.usb ?? []) {
      if (spec.controller !== controller.address) continue;
      if (controller.driver === "xhci_hcd") this.plug(spec);
      else this.unplug(spec.port);
    }
  }

  /** A device is plugged in. */
  plug(spec: UsbSpec): void {
    const controller = this.host.pci.functions.get(spec.controller);
    if (controller?.driver !== "xhci_hcd" || this.#nodes.has(spec.port)) return;
    const bus = spec.port.split("-")[0]!;
    const nodes = new Nodes(this.host.tree, `${controller.path}/usb${bus}`, 0);
    this.#nodes.set(spec.port, nodes);
    const number = ++this.#number;
    const path = nodes.part(spec.port, {
      idVendor: `${spec.vendor}\n`,
      idProduct: `${spec.product}\n`,
      busnum: `${bus}\n`,
      devnum: `${number}\n`,
      product: `${spec.name}\n`,
      bDeviceClass: "00\n",
      ...(spec.serial === undefined ? {} : { serial: `${spec.serial}\n` }),
    });
    nodes.link(`/sys/bus/usb/devices/${spec.port}`, path);
    nodes.device(`/dev/bus/usb/${bus.padStart(3, "0")}/${String(number).padStart(3, "0")}`, 189, number);
    (spec.inputs ?? []).forEach((input, index) => this.#input(spec, input, index, nodes));
    if (spec.net) nodes.classed(`${spec.port}/${spec.port}:1.0/net/${spec.net}`, "net", `${path}/${spec.port}:1.0`);
    if (spec.block) {
      nodes.block(`${spec.port}/${spec.port}:1.0/host6/target6:0:0/6:0:0:0/block/${spec.block}`, path, 4096 + number);
    }
  }

  /** A device is pulled out. */
  unplug(port: string): void {
    this.#nodes.get(port)?.drop();
    this.#nodes.delete(port);
    for (const key of this.#inputs.keys()) if (key.startsWith(`${port}:`)) this.#inputs.delete(key);
  }

  /** A keyboard or mouse: HID interface, input device, event node. */
  #input(spec: UsbSpec, input: "keyboard" | "mouse", index: number, nodes: Nodes): void {
    const face = `${spec.port}:1.${index}`;
    const number = this.#event++;
    const at = nodes.part(`${spec.port}/${face}`, {
      bInterfaceClass: "03\n",
      bInterfaceProtocol: `${PROTOCOL[input]}\n`,
    });
    nodes.link(`/sys/bus/usb/devices/${face}`, at);
    const id = `0003:${spec.vendor}:${spec.product}.000${number}`.toUpperCase();
    const hid = `${spec.port}/${face}/${id}`;
    const path = nodes.classed(`${hid}/input/input${number}`, "input", at, { name: `${spec.name}\n` });
    const node = nodes.device(`/dev/input/event${number}`, 13, 64 + number);
    nodes.classed(`${hid}/input/input${number}/event${number}`, "input", path, node);
    const ids = `I: Bus=0003 Vendor=${spec.vendor} Product=${spec.product} Version=0111\nN: Name="${spec.name}"\n`;
    const place = `P: Phys=usb-${spec.controller}-${index}/input${index}\nS: Sysfs=${path.slice("/sys".length)}\n`;
    this.#inputs.set(face, `${ids}${place}${INPUT[input].replace("eventN", `event${number}`)}\n`);
  }
}
