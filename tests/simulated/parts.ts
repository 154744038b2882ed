/**
 * What several machines have.
 *
 * @module
 */

import type { FunctionSpec } from "./machine.ts";

/** A bridge of the chipset, or of a card. */
export const bridge = (address: string, group: number, above?: string): FunctionSpec => (
  { address, class: "0x060400", vendor: "0x8086", device: "0xa73d", driver: "pcieport", group, above }
);

/** The disk that the host is on. */
export const nvme: FunctionSpec = {
  address: "0000:04:00.0",
  class: "0x010802",
  vendor: "0x144d",
  device: "0xa80a",
  driver: "nvme",
  group: 17,
  above: "0000:00:1c.4",
  blocks: [{ name: "nvme0n1", below: "nvme/nvme0", partitions: ["nvme0n1p1", "nvme0n1p2"] }],
};

/** The USB controller of keyboard and mouse. */
export const xhci: FunctionSpec = {
  address: "0000:00:14.0",
  class: "0x0c0330",
  vendor: "0x8086",
  device: "0x7a60",
  driver: "xhci_hcd",
  group: 5,
};

/** Keyboard and mouse. */
export const input = {
  usb: [
    {
      port: "1-1",
      controller: xhci.address,
      vendor: "046d",
      product: "c31c",
      name: "Logitech USB Keyboard",
      inputs: ["keyboard"],
    },
    {
      port: "1-2",
      controller: xhci.address,
      vendor: "046d",
      product: "c077",
      name: "Logitech USB Mouse",
      inputs: ["mouse"],
    },
  ],
} as const;

/** What is mounted from the disk. */
export const mounts = [["/dev/nvme0n1p2", "/", "ext4"], ["/dev/nvme0n1p1", "/boot/efi", "vfat"]] as const;
