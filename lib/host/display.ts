/**
 * What the host shows on its display functions: the text console, the firmware's picture, monitors.
 *
 * @module
 */

import { basename } from "@std/path/posix";
import type { System } from "../system.ts";
import { hasConsole } from "./console.ts";
import { GPU_DRIVERS } from "./gpu-drivers.ts";
import { attribute, driverOf, functionsOn, isDisplay, PCI } from "./pci.ts";

/** Folder of the devices that have no bus of their own. */
export const PLATFORM = "/sys/bus/platform/devices";

/** A display function as the host uses it. */
export interface Display {
  /** The function. */
  readonly address: string;
  /** The host has a DRM card of it: a desktop can run on it. */
  readonly card: boolean;
  /** The firmware has shown the boot on it. */
  readonly bootVga: boolean;
  /** The text console is on it. */
  readonly console: boolean;
  /** Frame buffers of the firmware on it that have a driver, by their platform devices. */
  readonly firmware: readonly string[];
  /** Names of its connectors that have a monitor, `HDMI-A-1`. */
  readonly connected: readonly string[];
  /** Modules that have to go before it can leave its driver, in this order; those of them that are loaded. */
  readonly unload: readonly string[];
  /** Loaded modules that need one of those, and are none of them: while they are there, these stay. */
  readonly needed: readonly string[];
  /** Other functions on the same driver. */
  readonly sharing: readonly string[];
}

/** Folders of a function's connectors by their names; the number of the card in front of them changes (docs/vfio.md F29). */
export function connectorsOf(system: System, address: string): Map<string, string> {
  const cards = `${PCI}/${address}/drm`;
  return new Map(
    system.list(cards).filter((name) => /^card\d+$/.test(name)).flatMap((card) =>
      system.list(`${cards}/${card}`).filter((name) => name.startsWith(`${card}-`))
        .map((name) => [name.slice(card.length + 1), `${cards}/${card}/${name}`] as const)
    ),
  );
}

/** Names of the connectors that have a monitor. */
export function connectedOf(system: System, address: string): string[] {
  return [...connectorsOf(system, address)]
    .flatMap(([name, folder]) => system.read(`${folder}/status`)?.trim() === "connected" ? [name] : []);
}

/**
 * The firmware's frame buffers that have a driver, each with its function. Since Linux 6.9 they lie below it; before that
 * nothing tells which it is, and the firmware has shown the boot on one only.
 */
function firmwareBuffers(system: System): { device: string; address?: string }[] {
  return system.list(PLATFORM)
    .filter((name) => /framebuffer\.\d+$/.test(name) && system.link(`${PLATFORM}/${name}/driver`) !== undefined)
    .map((device) => ({
      device,
      address: system.link(`${PLATFORM}/${device}`)?.match(/[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?=\/)/g)?.at(
        -1,
      ),
    }));
}

/** What its driver says about a function that leaves it. */
function aboutDriver(system: System, address: string): Pick<Display, "unload" | "needed" | "sharing"> {
  const driver = driverOf(system, address);
  const own = GPU_DRIVERS[driver ?? ""]?.unload ?? [];
  const unload = own.filter((module) => system.info(`/sys/module/${module}/refcnt`) !== undefined);
  return {
    unload,
    needed: [...new Set(unload.flatMap((module) => system.list(`/sys/module/${module}/holders`)))]
      .filter((module) => !own.includes(module)),
    sharing: driver === undefined ? [] : functionsOn(system, driver).filter((other) => other !== address),
  };
}

/** All display functions of the host. */
export function readDisplays(system: System): Display[] {
  const buffers = firmwareBuffers(system);
  const of = (address: string, name: string) => attribute(system, address, name) ?? "";
  return system.list(PCI).filter((address) => isDisplay({ class: of(address, "class") })).map((address) => {
    const bootVga = of(address, "boot_vga") === "1";
    const firmware = buffers.filter((buffer) => buffer.address === undefined ? bootVga : buffer.address === address);
    return {
      address,
      card: hasCard(system, address),
      bootVga,
      console: hasConsole(system, address),
      firmware: firmware.map(({ device }) => device),
      connected: connectedOf(system, address),
      ...aboutDriver(system, address),
    };
  });
}

/** Driver of a platform device; undefined where it has none. */
export function platformDriver(system: System, device: string): string | undefined {
  const link = system.link(`${PLATFORM}/${device}/driver`);
  return link === undefined ? undefined : basename(link);
}

/** Has a function a DRM card: can a desktop run on it? */
export function hasCard(system: System, address: string): boolean {
  return driverOf(system, address) !== undefined &&
    system.list(`${PCI}/${address}/drm`).some((n) => /^card\d+$/.test(n));
}
