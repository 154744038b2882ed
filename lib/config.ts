/**
 * What an administrator may say, as data. A hand-over needs none of it; lib/config-file.ts reads it.
 *
 * @module
 */

/** Where the config is. */
export const CONFIG_FILE = "/etc/virt-aid/config.xml";

/** What a hand-over may take from the host although the host is worse off without it. */
export interface Allow {
  /** The last keyboard. */
  readonly lastKeyboard: boolean;
  /** The network card of the only route. */
  readonly onlyRoute: boolean;
}

/** What has to be at an address, so that a card that moved is not taken for another. */
export interface ExpectedDevice {
  /** The PCI address, `0000:01:00.0`. */
  readonly address: string;
  /** Vendor id, `0x10de`. */
  readonly vendor: string;
  /** Device id, `0x2684`. */
  readonly product: string;
}

/** How a hand-over deals with what uses a card on the host. */
export interface DesktopPolicy {
  /** What becomes of programs that neither belong to the desktop nor are in the list of services. */
  readonly holders: "refuse" | "terminate";
  /** The text console stays bound: on some hosts the kernel crashes when it is not (docs/vfio.md F32). */
  readonly keepConsoles: boolean;
  /** The display manager starts again on the cards that are left, while the guest runs. */
  readonly restart: boolean;
  /** How long services and sessions get to end, each, in seconds. */
  readonly wait: number;
}

/** What holds for one guest alone. */
export interface GuestConfig {
  /** The guest's name. */
  readonly name: string;
  /** Goes before what is allowed for all guests. */
  readonly allow: Partial<Allow>;
  /** Go before the devices of all guests that are at the same addresses. */
  readonly devices: readonly ExpectedDevice[];
  /** Goes before what is said for all guests. */
  readonly desktop: Partial<DesktopPolicy>;
  /** Are stopped beside those for all guests. */
  readonly services: readonly string[];
}

/** The config. */
export interface Config {
  /** What is allowed for all guests. */
  readonly allow: Allow;
  /** What has to be where, for all guests. */
  readonly devices: readonly ExpectedDevice[];
  /** What becomes of the desktop, for all guests. */
  readonly desktop: DesktopPolicy;
  /** Services that are stopped, for all guests. */
  readonly services: readonly string[];
  /** What holds for one guest alone. */
  readonly guests: readonly GuestConfig[];
}

/** The config where there is no file. */
export const DEFAULT_CONFIG: Config = {
  allow: { lastKeyboard: false, onlyRoute: false },
  devices: [],
  desktop: { holders: "refuse", keepConsoles: false, restart: false, wait: 15 },
  services: [],
  guests: [],
};

/** What holds for a guest. */
export interface GuestPolicy {
  /** What its hand-over may take from the host. */
  readonly allow: Allow;
  /** What has to be at which address. */
  readonly devices: readonly ExpectedDevice[];
  /** What becomes of the desktop. */
  readonly desktop: DesktopPolicy;
  /** Services that are stopped. */
  readonly services: readonly string[];
}

/** What holds for a guest: its own words first, then those for all guests. */
export function configFor(config: Config, guest: string): GuestPolicy {
  const own = config.guests.find(({ name }) => name === guest);
  const devices = new Map([...config.devices, ...own?.devices ?? []].map((device) => [device.address, device]));
  return {
    allow: { ...config.allow, ...own?.allow },
    devices: [...devices.values()],
    desktop: { ...config.desktop, ...own?.desktop },
    services: [...new Set([...config.services, ...own?.services ?? []])],
  };
}
