/**
 * The machine that the lab emulates, as data: what a passthrough host has, without any real hardware.
 *
 * @module
 */

/** A PCI function of the machine. */
export interface Device {
  /** Where it is. Behind a root port of its own it has bus N, in the order of this table, and a group of its own. */
  readonly address: string;
  /** Class code. */
  readonly class: string;
  /** The driver that the host's kernel gives it; undefined where it gets none. */
  readonly driver?: string;
  /** QEMU's name of it, with options; undefined where it is part of the machine anyway. */
  readonly device?: string;
  /** Further devices of QEMU's that hang on it. */
  readonly below?: readonly string[];
  /** Others that are in the same IOMMU group. */
  readonly group?: readonly string[];
  /** The firmware has shown the boot on it. */
  readonly screen?: true;
  /** What hangs on its USB ports, by protocol: 01 is a keyboard, 02 a mouse. */
  readonly protocols?: readonly string[];
}

/** The devices. */
export const DEVICES = {
  /** Shows the host's console; its driver is a real DRM driver. */
  primary: { address: "0000:00:02.0", class: "0x030000", driver: "bochs-drm", device: "VGA,addr=0x2", screen: true },
  /** A second GPU, which nothing uses. */
  gpu: { address: "0000:01:00.0", class: "0x038000", driver: "bochs-drm", device: "secondary-vga" },
  /** A NIC that can be reset. */
  nic: { address: "0000:02:00.0", class: "0x020000", driver: "e1000e", device: "e1000e" },
  /** Its driver waits in the kernel until all its nodes are closed. */
  sound: {
    address: "0000:03:00.0",
    class: "0x040300",
    driver: "snd_hda_intel",
    device: "intel-hda,id=hda",
    below: ["hda-output,bus=hda.0,audiodev=none"],
  },
  /** A NIC that comes and goes. */
  spare: { address: "0000:04:00.0", class: "0x020000", driver: "e1000e", device: "e1000e" },
  /** Keyboard and mouse. */
  usb: {
    address: "0000:00:05.0",
    class: "0x0c0330",
    driver: "xhci_hcd",
    device: "qemu-xhci,id=xhci,addr=0x5",
    below: ["usb-kbd,bus=xhci.0", "usb-mouse,bus=xhci.0"],
    protocols: ["01", "02"],
  },
  /** Shares its group with others that the host uses. */
  sata: {
    address: "0000:00:1f.2",
    class: "0x010601",
    driver: "ahci",
    group: ["0000:00:1f.0", "0000:00:1f.3"],
  },
} as const satisfies Record<string, Device>;

/** Their names. */
export type DeviceName = keyof typeof DEVICES;

/** Memory in MiB, and how many CPUs. */
const SIZE = { memory: 2048, cpus: 2 };

/** The plainest CPU on which today's programs run: what it does not have need not be emulated. */
const CPU = "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt";

/**
 * What the kernel is told. Its warnings, and why it panics, are to be on the console, which is kept. Its look whether timers
 * work takes a CPU that gets no time for a while for a broken one and panics; what it does against spying costs emulated
 * time.
 */
const COMMAND_LINE = [
  ...["root=/dev/vda", "rw", "console=ttyS0", "loglevel=5", "panic=-1", "intel_iommu=on", "iommu=pt"],
  ...["no_timer_check", "mitigations=off"],
].join(" ");

/** The machine as QEMU is told of it, without disks and ways to talk to it. */
export function machineArguments(kernel: string, initrd: string): string[] {
  const devices = Object.entries<Device>(DEVICES).flatMap(([id, { address, device, below = [] }]) => {
    if (!device) return [];
    const bus = Number.parseInt(address.slice(5, 7), 16);
    if (bus === 0) return [device, ...below];
    const port = `pcie-root-port,id=port${bus},chassis=${bus},slot=${bus},addr=0x1${bus}`;
    return [port, `${device}${device.includes(",id=") ? "" : `,id=${id}`},bus=port${bus}`, ...below];
  });
  return [
    ...["-accel", "tcg,thread=multi", "-cpu", CPU, "-M", "q35"],
    ...["-m", `${SIZE.memory}`, "-smp", `${SIZE.cpus}`, "-audiodev", "none,id=none"],
    ...["-device", "intel-iommu,intremap=on,caching-mode=on"],
    ...["-kernel", kernel, "-initrd", initrd, "-append", COMMAND_LINE],
    ...devices.flatMap((device) => ["-device", device]),
    ...["-nodefaults", "-no-user-config", "-display", "none"],
  ];
}
