/**
 * A guest in the lab's machine.
 *
 * @module
 */

import { pci } from "../libvirt/guest.ts";
import type { Ended } from "./emulator.ts";
import type { Host } from "./host.ts";

/** How a guest differs from one with PCI functions and nothing else. */
export interface Differences {
  /** libvirt's `managed`. */
  readonly managed?: boolean;
  /** More XML in `<devices>`. */
  readonly devices?: string;
  /** It runs its firmware, which uses the devices; else it halts at once. */
  readonly boots?: boolean;
  /** Arguments that QEMU gets beside those of libvirt. */
  readonly emulator?: readonly string[];
}

/** The domain XML. */
export function guestXml(name: string, uuid: string, addresses: readonly string[], more: Differences): string {
  const hostdevs = addresses.map((address) => pci(address, more.managed ?? true));
  const loader = more.boots ? "" : "<loader type='rom'>/usr/local/lib/lab/halt.bin</loader>";
  const extra = (more.emulator ?? []).map((arg) => `<qemu:arg value='${arg}'/>`).join("");
  return `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>${name}</name>
  <uuid>${uuid}</uuid>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type>${loader}</os>
  <devices>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
    ${hostdevs.join("\n    ")}
    ${more.devices ?? ""}
  </devices>
  <qemu:commandline>${extra}</qemu:commandline>
</domain>
`;
}

/** See the module's text. */
export class Guest {
  constructor(readonly host: Host, readonly name: string, readonly uuid: string) {}

  /** Asks libvirt to start it. */
  tryStart(seconds?: number): Promise<Ended> {
    return this.host.run(`virsh -q start '${this.name}'`, seconds);
  }

  /** Starts it; that has to succeed. */
  async start(): Promise<void> {
    await this.host.must(`virsh -q start '${this.name}'`);
  }

  /** Pulls its plug; that has to succeed. */
  async destroy(): Promise<void> {
    await this.host.must(`virsh -q destroy '${this.name}'`);
  }

  /** `running`, `shut off`. */
  async state(): Promise<string> {
    return (await this.host.must(`virsh -q domstate '${this.name}'`)).trim();
  }

  /** Process id of its QEMU; empty where it has none. */
  async pid(): Promise<string> {
    return (await this.host.must(`cat '/run/libvirt/qemu/${this.name}.pid' 2>/dev/null || true`)).trim();
  }
}
