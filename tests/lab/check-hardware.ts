/**
 * Is the machine the one that hardware.ts describes?
 *
 * @module
 */

import { type Device, DEVICES } from "./hardware.ts";
import type { Host } from "./host.ts";

/** Looks at every device; throws what is not as it is described. */
export async function checkHardware(host: Host): Promise<void> {
  const wrong: string[] = [];
  for (const [name, device] of Object.entries<Device>(DEVICES)) {
    const { address, driver = "", group = [], screen, protocols = [] } = device;
    const place = `/sys/bus/pci/devices/${address}`;
    const seen = await host.must(`cd ${place}
cat class
basename "$(readlink driver)"
ls iommu_group/devices
[ ! -e boot_vga ] || sed -n 's/1/screen/p' boot_vga
(cat usb*/*/*/bInterfaceProtocol 2>/dev/null || true) | sort`);
    const lines = [device.class, driver, ...[address, ...group].sort(), ...(screen ? ["screen"] : []), ...protocols];
    const expected = lines.join("\n");
    if (seen.trim() !== expected) wrong.push(`${name}: ${JSON.stringify(seen)} instead of ${JSON.stringify(expected)}`);
  }
  if (wrong.length > 0) throw new Error(`the machine is not what hardware.ts says:\n${wrong.join("\n")}`);
}
