/**
 * The host's devices that a domain XML gives to its guest.
 *
 * @module
 */

import { find, numberOf, oneOf, present, quote, required, type XmlElement, XmlProblem } from "./xml.ts";

/** What `startupPolicy` may say; libvirt takes the first where it says nothing. */
export const POLICIES: readonly [StartupPolicy, ...StartupPolicy[]] = ["mandatory", "requisite", "optional"];

/** What libvirt does at a start where the thing is missing. */
export type StartupPolicy = "mandatory" | "requisite" | "optional";

/** A PCI function of the host that the guest gets. */
export interface PciHostdev {
  /** Its address on the host, `0000:01:00.0`, lower case. */
  readonly address: string;
  /** The element that asks for it. All namespaces of one NVMe controller are one entry. */
  readonly from: "hostdev" | "interface" | "disk";
  /** Does libvirt bind it, `managed='yes'`? */
  readonly managed: boolean;
  /** The backend that the XML asks for, `vfio`. */
  readonly driverName?: string;
  /** The driver that the XML asks for, `mlx5_vfio_pci`. */
  readonly driverModel?: string;
  /** Its ROM file. */
  readonly romFile?: string;
}

/** A USB device of the host that the guest gets: by its ids, by its place, or by both. */
export interface UsbHostdev {
  /** Vendor id, `0x046d`; there is a product id then, too. */
  readonly vendor?: string;
  /** Product id, `0xc52b`. */
  readonly product?: string;
  /** Bus number; there is a device number or a port then, too. */
  readonly bus?: number;
  /** Device number on the bus. */
  readonly device?: number;
  /** Port on the bus, `2.3`. */
  readonly port?: string;
  /** What libvirt does where it is missing. */
  readonly startupPolicy: StartupPolicy;
}

/** Containers have hostdevs of another mode, `capabilities`: nothing that anybody would bind. */
function isSubsystem({ attributes }: XmlElement): boolean {
  return (attributes.mode ?? "subsystem") === "subsystem";
}

/**
 * The PCI functions, hostdevs first, then interfaces, then disks.
 *
 * @param devices Gives the guest's devices of an element name and a type.
 */
export function readPci(devices: (name: string, type: string) => XmlElement[]): PciHostdev[] {
  const found = new Map<string, PciHostdev>();
  const add = (from: PciHostdev["from"], element: XmlElement) => {
    // the host's address is the one in <source>; an <address> beside that is the guest's
    const source = required(element, "source");
    const place = required(source, "address");
    const address = pciAddress(place);
    const before = found.get(address);
    if (before?.from === "disk" && from === "disk") return;
    if (before) throw new XmlProblem(place, `${address} is given to the guest twice`);
    // a disk's <driver> is the format driver of QEMU
    const driver = from === "disk" ? undefined : find(element, "driver")?.attributes;
    const hostdev = {
      address,
      from,
      managed: (from === "disk" ? source : element).attributes.managed === "yes",
      driverName: driver?.name || undefined,
      driverModel: driver?.model || undefined,
      romFile: find(element, "rom")?.attributes.file,
    };
    found.set(address, present(hostdev));
  };
  for (const hostdev of devices("hostdev", "pci").filter(isSubsystem)) add("hostdev", hostdev);
  for (const nic of devices("interface", "hostdev")) {
    if (find(nic, "source/address")?.attributes.type !== "usb") add("interface", nic);
  }
  for (const disk of devices("disk", "nvme")) add("disk", disk);
  return [...found.values()];
}

/** `0000:01:00.0` of an `<address>`. */
function pciAddress(address: XmlElement): string {
  const hex = (attribute: string, digits: number, max: number, otherwise?: number) =>
    numberOf(address, attribute, { max, otherwise }).toString(16).padStart(digits, "0");
  return `${hex("domain", 4, 0xffff, 0)}:${hex("bus", 2, 0xff)}:${hex("slot", 2, 0x1f)}.${hex("function", 1, 7, 0)}`;
}

/**
 * The USB devices.
 *
 * @param devices Gives the guest's devices of an element name and a type.
 */
export function readUsb(devices: (name: string, type: string) => XmlElement[]): UsbHostdev[] {
  return devices("hostdev", "usb").filter(isSubsystem).map((hostdev) => {
    const source = required(hostdev, "source");
    const [vendor, product, address] = ["vendor", "product", "address"].map((name) => find(source, name));
    if (!vendor !== !product || !(vendor || address)) {
      throw new XmlProblem(source, "a USB device needs <vendor> and <product>, or an <address>");
    }
    const port = address?.attributes.port;
    if (address && port !== undefined && !/^\d+(\.\d+)*$/.test(port)) {
      throw new XmlProblem(address, `port ${quote(port)} is not a USB port such as 1 or 2.3`);
    }
    return present({
      vendor: vendor && usbId(vendor),
      product: product && usbId(product),
      bus: address && numberOf(address, "bus", { max: 0xff }),
      device: address && port === undefined ? numberOf(address, "device", { max: 0xff }) : undefined,
      port,
      startupPolicy: oneOf(POLICIES, source.attributes.startupPolicy),
    });
  });
}

/** `0x046d` of a `<vendor>` or `<product>`; libvirt takes no 0. */
function usbId(element: XmlElement): string {
  return `0x${numberOf(element, "id", { min: 1, max: 0xffff }).toString(16).padStart(4, "0")}`;
}
