/**
 * The USB devices of the host.
 *
 * @module
 */

import type { System } from "../system.ts";

/** A USB device. */
export interface UsbDevice {
  /** Where it is plugged in, `1-2.4`. */
  readonly port: string;
  /** Vendor id, `0x046d`. */
  readonly vendor: string;
  /** Product id, `0xc52b`. */
  readonly product: string;
  /** Number of its bus. */
  readonly bus: number;
  /** Its number on that bus; another one each time it is plugged in. */
  readonly device: number;
}

/** All of them but the root hubs. */
export function usbDevices(system: System): UsbDevice[] {
  const folder = "/sys/bus/usb/devices";
  return system.list(folder).filter((name) => /^\d+-[\d.]+$/.test(name)).map((port) => {
    const of = (name: string) => system.read(`${folder}/${port}/${name}`)?.trim() ?? "";
    return {
      port,
      vendor: `0x${of("idVendor")}`,
      product: `0x${of("idProduct")}`,
      bus: Number(of("busnum")),
      device: Number(of("devnum")),
    };
  });
}
