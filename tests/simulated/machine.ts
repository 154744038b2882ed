/**
 * What a machine is, as plain data: tests/simulated/machines.ts has some, and a test may write its own.
 *
 * @module
 */

import type { InitName } from "../../lib/host/inits/init.ts";
import type { ServiceSpec, SessionSpec, UnitSpec } from "./desktop.ts";
import type { Role } from "./roles.ts";

/** A display connector. */
export interface ConnectorSpec {
  /** `DP-1`. */
  readonly name: string;
  /** Something is plugged in. */
  readonly connected: boolean;
}

/** A block device and where it is mounted. */
export interface BlockSpec {
  /** `nvme0n1`. */
  readonly name: string;
  /** Folders between the function and it: `nvme/nvme0`, `ata1/host0/target0:0:0/0:0:0:0/block`. */
  readonly below: string;
  /** Its partitions. */
  readonly partitions?: readonly string[];
}

/** A PCI function. Its nodes are there while a driver of the host has it. */
export interface FunctionSpec {
  /** `0000:01:00.0`. */
  readonly address: string;
  /** `0x030000`. */
  readonly class: string;
  /** `0x10de`. */
  readonly vendor: string;
  /** `0x2684`. */
  readonly device: string;
  /** Driver that it is on when the machine is up. */
  readonly driver?: string;
  /** Drivers whose tables name it, best first; `driver` where this is not said. */
  readonly knownBy?: readonly string[];
  /** IOMMU group; none where the machine has no IOMMU. */
  readonly group?: number;
  /** Bridge that it is below. */
  readonly above?: string;
  /** The firmware's screen is on it. */
  readonly bootVga?: boolean;
  /** Name of the firmware's platform device, which is there until a driver of the kernel's own takes the function. */
  readonly firmware?: "simple-framebuffer" | "efi-framebuffer" | "vesa-framebuffer";
  /** `driver_override` when the machine is up. */
  readonly override?: string;
  /** `power/control`; `on` where this is not said. */
  readonly power?: "on" | "auto";
  /** `d3cold_allowed`; true where this is not said. */
  readonly d3cold?: boolean;
  /** `reset_method`; none: it cannot be reset. `["flr", "bus"]` where this is not said. */
  readonly resets?: readonly string[];
  /** The physical function that it is a virtual function of. */
  readonly physfn?: string;
  /** Nodes of a display driver. */
  readonly drm?: {
    /** N of cardN. */
    readonly card: number;
    /** N of renderDN. */
    readonly render?: number;
    /** N of fbN. */
    readonly fb?: number;
    /** N of each i2c-N. */
    readonly i2c?: readonly number[];
    /** Connectors. */
    readonly connectors?: readonly ConnectorSpec[];
  };
  /** K of sound/cardK. */
  readonly sound?: number;
  /** Network interface. */
  readonly net?: string;
  /** Block devices. */
  readonly blocks?: readonly BlockSpec[];
}

/** A USB device. */
export interface UsbSpec {
  /** `1-2`, the name of its folder. */
  readonly port: string;
  /** Address of the controller. */
  readonly controller: string;
  /** `046d`, as sysfs writes it. */
  readonly vendor: string;
  /** `c31c`. */
  readonly product: string;
  /** What it says it is. */
  readonly name: string;
  /** Serial number. */
  readonly serial?: string;
  /** What it has. */
  readonly inputs?: readonly ("keyboard" | "mouse")[];
  /** Network interface. */
  readonly net?: string;
  /** Disk. */
  readonly block?: string;
}

/** A process. */
export interface ProcessSpec {
  /** Its id; the next free one where this is not said. */
  readonly pid?: number;
  /** Its parent; 1 where this is not said. */
  readonly parent?: number;
  /** Name of the process before it in the same unit or session that has started it. */
  readonly startedBy?: string;
  /** An X server or a compositor: without a card it ends with status 1, and the session that it is in ends with it. */
  readonly needs?: "display";
  /** Name, up to 15 bytes. */
  readonly comm: string;
  /** Command line; none for a thread of the kernel. */
  readonly args?: readonly string[];
  /** User. */
  readonly uid?: number;
  /** Its environment; what shows something on an X server has the name of that in it anyway. */
  readonly env?: Readonly<Record<string, string>>;
  /** Its working folder, where that is of interest. */
  readonly cwd?: string;
  /** What it has open, `/dev/dri/card0`. */
  readonly open?: readonly string[];
  /** What it has mapped into its memory: it uses that until it ends, also when it has closed it. */
  readonly maps?: readonly string[];
  /** The X server that it shows something on, by its name: it ends soon after that, or when there is none. */
  readonly display?: string;
  /** What it does with signals and with what it has started, where it is not an ordinary program. */
  readonly role?: Role;
  /**
   * Its controlling terminal, `tty1`; null: it has none. It leads a session of its own then; where this is not said it is
   * in that of its parent.
   */
  readonly tty?: string | null;
  /** It ends with KILL alone. */
  readonly ignoresTerm?: boolean;
  /** Milliseconds that it takes to end after TERM or HUP; 0 where this is not said. */
  readonly endsAfter?: number;
  /** `/system.slice/libvirtd.service`; where this is not said, one that the init system has for such. */
  readonly cgroup?: string;
  /** AppArmor keeps the hooks from its descriptors; `wholly`: programs of /usr/bin too, as in a container. */
  readonly confined?: boolean | "wholly";
}

/** A module of the kernel. */
export interface ModuleSpec {
  /** With underscores. */
  readonly name: string;
  /** Modules that it needs. */
  readonly needs?: readonly string[];
  /** It is part of the kernel. */
  readonly builtin?: boolean;
  /** It is loaded; modules of drivers that a function is on are in any case. */
  readonly loaded?: boolean;
  /** References to it that nobody seems to hold (docs/vfio.md M7). */
  readonly internal?: number;
  /** Device nodes of its own, there while it is loaded; whoever has one open uses it. */
  readonly nodes?: readonly string[];
  /** Driver of another module whose functions it makes DRM cards of, as nvidia_drm does. */
  readonly cardsOf?: string;
}

/** A whole machine. */
export interface Machine {
  /** What it is called. */
  readonly name: string;
  /** Functions; bridges before what is below them. */
  readonly functions: readonly FunctionSpec[];
  /** The IOMMU is on. */
  readonly iommu: boolean;
  /** USB devices. */
  readonly usb?: readonly UsbSpec[];
  /** Processes, beside init and some threads of the kernel. */
  readonly processes?: readonly ProcessSpec[];
  /** Modules, beside those of the known drivers. */
  readonly modules?: readonly ModuleSpec[];
  /** Mounted file systems beside proc, sysfs and tmpfs: source, folder, type. */
  readonly mounts?: readonly (readonly [source: string, folder: string, type: string])[];
  /** Interfaces with a default route. */
  readonly routes?: readonly string[];
  /** Memory and how much of it is available; 32 and 24 GiB where this is not said. */
  readonly memoryKiB?: readonly [total: number, available: number];
  /** Huge pages by their size in KiB: how many, and how many of them are free. */
  readonly hugepages?: Readonly<Record<number, readonly [total: number, free: number]>>;
  /** Files that are there, with their text; a path that ends in `/` is a folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** Its init system; systemd where this is not said. */
  readonly init?: InitName;
  /** Who keeps sessions: systemd's logind where systemd runs, else nobody, where this is not said. */
  readonly logind?: "elogind";
  /** Services of another init system than systemd. */
  readonly services?: readonly ServiceSpec[];
  /** Units of systemd. */
  readonly units?: readonly UnitSpec[];
  /** Sessions of logind. */
  readonly sessions?: readonly SessionSpec[];
  /** Ids of users whose manager runs without a session. */
  readonly linger?: readonly number[];
  /** Networks of libvirt that are active. */
  readonly networks?: readonly string[];
}
