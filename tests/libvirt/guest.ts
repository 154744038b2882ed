/**
 * Domain XML of guests that QEMU runs in software, with next to nothing in them.
 *
 * @module
 */

/** The emulator; see machine.ts. It is where AppArmor lets libvirtd run one. */
export const EMULATOR = "/usr/bin/qemu-without-vfio";

/** `<hostdev>` of a PCI function of the host. */
export function pci(address: string, managed = true): string {
  const [domain, bus, slot, fn] = address.split(/[:.]/);
  const source = `<address domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${fn}'/>`;
  return `<hostdev mode='subsystem' type='pci' managed='${
    managed ? "yes" : "no"
  }'><source>${source}</source></hostdev>`;
}

/** A USB device that is not there, and need not be: the guest has a hostdev and starts. */
export const USB = `<hostdev mode='subsystem' type='usb'>
  <source startupPolicy='optional'><vendor id='0x1234'/><product id='0x5678'/></source></hostdev>`;

const escape = (text: string) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/**
 * The domain XML of a guest. The limit of one with PCI devices is what libvirt lets it lock: so little needs no right.
 *
 * @param name Its name.
 * @param devices More XML in `<devices>`.
 * @param more More XML beside it.
 */
export function guest(name: string, devices = "", more = ""): string {
  return `<domain type='qemu'>
  <name>${escape(name)}</name>
  <memory unit='MiB'>16</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  ${devices.includes("type='pci'") ? "<memtune><hard_limit unit='KiB'>4096</hard_limit></memtune>" : ""}
  ${more}
  <devices>
    <emulator>${EMULATOR}</emulator>
    <controller type='usb' model='${devices.includes("usb") ? "piix3-uhci" : "none"}'/>
    <memballoon model='none'/>
    ${devices}
  </devices>
</domain>
`;
}
