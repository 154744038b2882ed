/**
 * The guest: what a hand-over has to know of its domain XML, as plain data. The XML is what libvirt gives to a hook, so
 * libvirt has checked it: whatever does not concern a hand-over is passed over, known or not.
 *
 * @module
 */

import { type PciHostdev, POLICIES, readPci, readUsb, type StartupPolicy, type UsbHostdev } from "./hostdev.ts";
import {
  elements,
  find,
  numberOf,
  oneOf,
  present,
  quote,
  readXml,
  required,
  textOf,
  type XmlElement,
  XmlProblem,
} from "./xml.ts";

export type { PciHostdev, StartupPolicy, UsbHostdev };

/** As libvirt writes it, but for upper case. */
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const DISK_DEVICES = ["disk", "cdrom", "floppy", "lun"] as const;

/** A disk or drive of the guest. */
export interface Disk {
  /** The file or block device on the host; undefined for an empty drive, and where it is none of both. */
  readonly source?: string;
  /** What libvirt does where the source is missing. */
  readonly startupPolicy: StartupPolicy;
  /** How the guest sees it. */
  readonly device: "disk" | "cdrom" | "floppy" | "lun";
}

/** Where the variables of the guest's firmware are. */
export interface Nvram {
  /** The file. */
  readonly path: string;
  /** What libvirt makes the file from, at a start that does not find it. */
  readonly template: string;
}

/** Huge pages that the guest's memory is made of. */
export interface HugepageRequest {
  /** Size of a page in KiB; undefined: the host's default size. */
  readonly sizeKiB?: number;
  /** How much memory of such pages, in KiB. */
  readonly needKiB: number;
}

/** A virtio-serial channel to a unix socket on the host. */
export interface Channel {
  /** The name that the guest sees, `org.virt-aid.0`. */
  readonly name: string;
  /** The socket; libvirt may choose it only after prepare. */
  readonly path?: string;
}

/** A guest. */
export interface Domain {
  /** Its name as it is: nothing is known about its characters, but that there is one. */
  readonly name: string;
  /** Its UUID, lower case. */
  readonly uuid: string;
  /** Its memory in KiB; 0 where the XML does not say, which libvirt's always does. */
  readonly memoryKiB: number;
  /** PCI functions of the host; a VF that libvirt takes from a network's pool is not known at prepare. */
  readonly pci: readonly PciHostdev[];
  /** USB devices of the host. */
  readonly usb: readonly UsbHostdev[];
  /** Disks and drives. */
  readonly disks: readonly Disk[];
  /** Other files that have to be there: loader, kernel, initrd, device tree, ROM files. */
  readonly files: readonly string[];
  /** The firmware's variables, where the XML names both file and template: one of the two has to be there. */
  readonly nvram?: Nvram;
  /** Input devices of the host that QEMU reads. */
  readonly evdev: readonly string[];
  /** Huge pages, one entry for each size. */
  readonly hugepages: readonly HugepageRequest[];
  /** Networks of libvirt. */
  readonly networks: readonly string[];
  /** Channels. */
  readonly channels: readonly Channel[];
  /** Models of emulated video cards, `none` left out. */
  readonly video: readonly string[];
  /** Types of graphical consoles. */
  readonly graphics: readonly string[];
}

/**
 * Reads a domain XML.
 *
 * @param xml What libvirt gives to a hook, or `virsh dumpxml` prints.
 * @throws {AidError} If it is no domain XML, or one in which the host's devices cannot be told.
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseDomain } from "./domain.ts";
 *
 * const domain = parseDomain(`
 *   <domain type='kvm'>
 *     <name>win11</name>
 *     <uuid>8bd0c0a3-6f0e-4a51-9d3c-0a5b7e1c2d3f</uuid>
 *     <memory unit='GiB'>16</memory>
 *     <devices>
 *       <hostdev mode='subsystem' type='pci' managed='yes'>
 *         <source><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>
 *       </hostdev>
 *     </devices>
 *   </domain>`);
 * assertEquals(domain.pci, [{ address: "0000:01:00.0", from: "hostdev", managed: true }]);
 * assertEquals(domain.memoryKiB, 16 * 1024 * 1024);
 * ```
 */
export function parseDomain(xml: string): Domain {
  const hint = "look at the XML with `virsh dumpxml GUEST`, correct it with `virsh edit GUEST`";
  return readXml("domain XML", xml, hint, readDomain);
}

/** The guest of a root element. */
function readDomain(root: XmlElement): Domain {
  if (root.name.raw !== "domain") {
    const hint = "give the XML of a guest, as `virsh dumpxml GUEST` prints it";
    throw new XmlProblem(root, `this is not the XML of a guest but of a <${root.name.raw}>`, hint);
  }
  const nameAt = required(root, "name");
  const name = textOf(nameAt);
  if (name === "") throw new XmlProblem(nameAt, "<name> is empty");
  const uuidAt = required(root, "uuid");
  const uuid = textOf(uuidAt).toLowerCase();
  if (!UUID.test(uuid)) throw new XmlProblem(uuidAt, `${quote(uuid)} is not a UUID`);
  const memoryAt = find(root, "memory");
  const memoryKiB = memoryAt ? kibOf(memoryAt, textOf(memoryAt)) : 0;

  const byName = Map.groupBy(elements(find(root, "devices")), (device) => device.name.raw);
  const devices = (name: string, type?: string) =>
    (byName.get(name) ?? []).filter(({ attributes }) => type === undefined || attributes.type === type);
  const sources = (name: string, type: string, attribute: string) =>
    devices(name, type).flatMap((device) => find(device, "source")?.attributes[attribute] ?? []);
  const pci = readPci(devices);
  const files = ["loader", "kernel", "initrd", "dtb"].map((file) => textOf(find(root, `os/${file}`)));
  files.push(...pci.flatMap(({ romFile }) => romFile ?? []));
  return present({
    name,
    uuid,
    memoryKiB,
    pci,
    usb: readUsb(devices),
    disks: devices("disk").map(readDisk),
    // a <loader> may be empty, and Xen's is a bare name
    files: [...new Set(files)].filter((file) => file.startsWith("/")),
    nvram: readNvram(find(root, "os/nvram")),
    evdev: [...sources("input", "evdev", "dev"), ...sources("input", "passthrough", "evdev")],
    hugepages: readHugepages(root, memoryKiB),
    networks: sources("interface", "network", "network"),
    channels: devices("channel", "unix").flatMap(readChannel),
    video: devices("video").map((it) => find(it, "model")?.attributes.type ?? "none").filter((it) => it !== "none"),
    graphics: devices("graphics").flatMap(({ attributes }) => attributes.type ?? []),
  });
}

/** A `<disk>`. */
function readDisk(disk: XmlElement): Disk {
  const source = find(disk, "source")?.attributes;
  return present({
    source: source?.file ?? source?.dev,
    startupPolicy: oneOf(POLICIES, source?.startupPolicy),
    device: oneOf(DISK_DEVICES, disk.attributes.device),
  });
}

/** An `<nvram>` that names both files; newer XML has the path in a `<source>`. */
function readNvram(nvram: XmlElement | undefined): Nvram | undefined {
  const path = find(nvram, "source")?.attributes.file ?? textOf(nvram);
  const template = nvram?.attributes.template;
  return path && template ? { path, template } : undefined;
}

/** A `<channel>`; those for other than virtio-serial are none of ours. */
function readChannel(channel: XmlElement): Channel[] {
  const { type, name } = find(channel, "target")?.attributes ?? {};
  return type === "virtio" && name ? [present({ name, path: find(channel, "source")?.attributes.path })] : [];
}

/** A NUMA cell is made of the pages whose nodeset has it, else of those without a nodeset, else of no huge ones. */
function readHugepages(root: XmlElement, memoryKiB: number): HugepageRequest[] {
  const backing = find(root, "memoryBacking/hugepages");
  if (!backing) return [];
  const pages = elements(backing, "page");
  const cells = elements(find(root, "cpu/numa"), "cell").map((cell, index) => ({
    id: numberOf(cell, "id", { max: 0xffff, otherwise: index }),
    kib: kibOf(cell, cell.attributes.memory),
  }));
  const need = new Map<number | undefined, number>();
  for (const { id, kib } of cells.length > 0 ? cells : [{ id: 0, kib: memoryKiB }]) {
    const page = pages.find(({ attributes }) => attributes.nodeset && inNodeset(id, attributes.nodeset)) ??
      pages.find(({ attributes }) => !attributes.nodeset);
    if (pages.length > 0 && !page) continue;
    const size = page && kibOf(page, page.attributes.size);
    need.set(size, (need.get(size) ?? 0) + kib);
  }
  return [...need].map(([sizeKiB, needKiB]) => present({ sizeKiB, needKiB }));
}

/** Is the cell in `0-2,4`? */
function inNodeset(cell: number, nodeset: string): boolean {
  return nodeset.split(",").some((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return first! <= cell && cell <= last!;
  });
}

/** An amount of memory in the element's unit: b, bytes, KB, k, KiB and so on; KiB by default, as libvirt has it. */
function kibOf(element: XmlElement, amount = ""): number {
  const unit = element.attributes.unit ?? "KiB";
  const [known, prefix, binary = "i"] = /^(?:bytes?|b|([kmgtpe])(?:(i?)b)?)$/i.exec(unit) ?? [];
  const power = prefix ? "kmgtpe".indexOf(prefix.toLowerCase()) + 1 : 0;
  const kib = Math.ceil(Number(amount) * (binary ? 1024 : 1000) ** power / 1024);
  if (known !== undefined && /^\d+$/.test(amount) && Number.isSafeInteger(kib)) return kib;
  throw new XmlProblem(element, `${quote(`${amount} ${unit}`)} is not an amount of memory`);
}
