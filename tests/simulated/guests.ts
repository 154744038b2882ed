/**
 * Domain XML of guests, from a small description.
 *
 * @module
 */

/** A guest. */
export interface GuestSpec {
  /** Name. */
  readonly name: string;
  /** UUID; made of the name where this is not said. */
  readonly uuid?: string;
  /** Memory in MiB; 4096 where this is not said. */
  readonly memoryMiB?: number;
  /** Functions of the host, each an address, or with more about it. */
  readonly pci?:
    readonly (string | { readonly address: string; readonly managed?: boolean; readonly inside?: string })[];
  /** `vendor:product` of USB devices, `046d:c31c`. */
  readonly usb?: readonly string[];
  /** XML inside `<devices>`. */
  readonly devices?: string;
  /** XML beside `<devices>`. */
  readonly more?: string;
}

const escape = (text: string) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** A UUID that is the same for the same name. */
export function uuidOf(name: string): string {
  const hash = [...name].reduce((sum, c) => (Math.imul(sum, 31) + c.codePointAt(0)!) >>> 0, 7).toString(16).padStart(
    8,
    "0",
  );
  return `${hash}-aaaa-4bbb-8ccc-${hash}0000`;
}

/** `<address>` of a host function. */
function source(address: string): string {
  const [domain, bus, slot, fn] = address.split(/[:.]/);
  return `<source><address domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${fn}'/></source>`;
}

/** The domain XML. */
export function guestXml(spec: GuestSpec): string {
  const pci = (spec.pci ?? []).map((device, index) => {
    const { address, managed = true, inside = "" } = typeof device === "string" ? { address: device } : device;
    return `    <hostdev mode='subsystem' type='pci' managed='${managed ? "yes" : "no"}'>
      <driver name='vfio'/>${source(address)}${inside}
      <address type='pci' domain='0x0000' bus='0x0${index + 5}' slot='0x00' function='0x0'/>
    </hostdev>`;
  });
  const usb = (spec.usb ?? []).map((id) => {
    const [vendor, product] = id.split(":");
    return `    <hostdev mode='subsystem' type='usb' managed='yes'>
      <source><vendor id='0x${vendor}'/><product id='0x${product}'/></source>
    </hostdev>`;
  });
  return `<domain type='kvm'>
  <name>${escape(spec.name)}</name>
  <uuid>${spec.uuid ?? uuidOf(spec.name)}</uuid>
  <memory unit='MiB'>${spec.memoryMiB ?? 4096}</memory>
  <vcpu placement='static'>4</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
${spec.more ?? ""}  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
${[...pci, ...usb, spec.devices ?? ""].join("\n")}
  </devices>
</domain>
`;
}
