import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { type Domain, parseDomain } from "../lib/domain.ts";
import { AidError } from "../lib/errors.ts";

const UUID = "8bd0c0a3-6f0e-4a51-9d3c-0a5b7e1c2d3f";
const fixture = (name: string) => Deno.readTextFileSync(new URL(`fixtures/${name}.xml`, import.meta.url));

/** A guest with these devices, and more of the rest where that matters. */
const guest = (devices: string, more = "<memory>1024</memory>") =>
  `<domain><name>g</name><uuid>${UUID}</uuid>${more}<devices>${devices}</devices></domain>`;
const pciAt = (address: string) =>
  `<hostdev mode='subsystem' type='pci'><source><address ${address}/></source><address type='pci' bus='0x77'/></hostdev>`;
const usbOf = (source: string) => `<hostdev mode='subsystem' type='usb'><source>${source}</source></hostdev>`;

Deno.test("a Windows 11 guest with everything that is passed through", () => {
  assertEquals<Domain>(parseDomain(fixture("win11")), {
    name: "win11",
    uuid: UUID,
    memoryKiB: 16 * 1024 * 1024,
    pci: [
      {
        address: "0000:01:00.0",
        from: "hostdev",
        managed: true,
        driverName: "vfio",
        romFile: "/var/lib/libvirt/vbios/ad102.rom",
      },
      { address: "0000:01:00.1", from: "hostdev", managed: true },
      { address: "0000:81:10.2", from: "interface", managed: true, driverName: "vfio" },
      { address: "0000:04:00.0", from: "disk", managed: true },
    ],
    usb: [
      { vendor: "0x046d", product: "0xc52b", bus: 1, device: 5, startupPolicy: "optional" },
      { vendor: "0x04d9", product: "0x0356", startupPolicy: "mandatory" },
      { bus: 3, device: 12, startupPolicy: "mandatory" },
    ],
    disks: [
      { source: "/dev/vg0/win11", startupPolicy: "mandatory", device: "disk" },
      { startupPolicy: "mandatory", device: "disk" },
      { startupPolicy: "mandatory", device: "disk" },
      { source: "/var/lib/libvirt/images/virtio-win.iso", startupPolicy: "optional", device: "cdrom" },
      { startupPolicy: "mandatory", device: "cdrom" },
    ],
    files: ["/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/var/lib/libvirt/vbios/ad102.rom"],
    nvram: {
      path: "/var/lib/libvirt/qemu/nvram/win11_VARS.fd",
      template: "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
    },
    evdev: [
      "/dev/input/by-id/usb-Logitech_USB_Receiver-event-mouse",
      "/dev/input/by-id/usb-Ducky_One2-event-kbd",
    ],
    hugepages: [{ sizeKiB: 1048576, needKiB: 16777216 }],
    networks: ["default"],
    channels: [{
      name: "org.virt-aid.0",
      path: "/var/lib/libvirt/qemu/channel/target/domain-1-win11/org.virt-aid.0",
    }],
    video: [],
    graphics: [],
  });
});

Deno.test("a Linux guest without any device of the host", () => {
  assertEquals<Domain>(parseDomain(fixture("linux")), {
    name: "fedora build <1>",
    uuid: "1f6f3d1c-52f5-4f0d-a7f2-8f6d0c1f9a10",
    memoryKiB: 8388608,
    pci: [],
    usb: [],
    disks: [
      { source: '/var/lib/libvirt/images/fedora "build".qcow2', startupPolicy: "mandatory", device: "disk" },
      { startupPolicy: "mandatory", device: "disk" },
    ],
    files: ["/var/lib/libvirt/boot/vmlinuz", "/var/lib/libvirt/boot/initrd.img"],
    evdev: ["/dev/input/event7"],
    hugepages: [{ sizeKiB: 1048576, needKiB: 6291456 }, { sizeKiB: 2048, needKiB: 2097152 }],
    networks: [],
    channels: [{ name: "org.qemu.guest_agent.0" }],
    video: ["qxl"],
    graphics: ["spice", "vnc"],
  });
});

Deno.test("a container's capabilities are no devices", () => {
  const domain = parseDomain(fixture("container"));
  assertEquals([domain.name, domain.pci, domain.usb, domain.networks], ["container", [], [], ["default"]]);
});

Deno.test("every way to write a PCI address", () => {
  for (
    const [written, address] of [
      ["domain='0x0000' bus='0x0A' slot='0x1F' function='0x7'", "0000:0a:1f.7"],
      ["domain='65535' bus='255' slot='31' function='7'", "ffff:ff:1f.7"],
      ["bus='0' slot='3'", "0000:00:03.0"],
    ] as const
  ) assertEquals(parseDomain(guest(pciAt(written))).pci, [{ address, from: "hostdev", managed: false }]);
});

Deno.test("every unit of memory", () => {
  for (
    const [unit, kib] of [
      ["", 3000000],
      [" unit='b'", 2930],
      [" unit='bytes'", 2930],
      [" unit='KB'", 2929688],
      [" unit='k'", 3000000],
      [" unit='KiB'", 3000000],
      [" unit='MB'", 2929687500],
      [" unit='M'", 3072000000],
      [" unit='GiB'", 3145728000000],
      [" unit='T'", 3221225472000000],
    ] as const
  ) assertEquals(parseDomain(guest("", `<memory${unit}>3000000</memory>`)).memoryKiB, kib, unit);
});

Deno.test("huge pages of the default size, and cells that get none", () => {
  const need = (backing: string) =>
    parseDomain(guest(
      "",
      `<memory>3072</memory><memoryBacking>${backing}</memoryBacking>
       <cpu><numa><cell id='0' memory='1' unit='MiB'/><cell id='4' memory='2' unit='MiB'/></numa></cpu>`,
    )).hugepages;
  assertEquals(need(""), []);
  assertEquals(need("<hugepages/>"), [{ needKiB: 3072 }]);
  assertEquals(need("<hugepages><page size='2' unit='M' nodeset='1-3'/></hugepages>"), []);
  assertEquals(need("<hugepages><page size='2' unit='M' nodeset='1,3-5'/></hugepages>"), [
    { sizeKiB: 2048, needKiB: 2048 },
  ]);
});

Deno.test("names are taken as they are", () => {
  for (
    const [written, name] of [["a&#10;b", "a\nb"], ["  ", "  "], ["<![CDATA[<&]]>x", "<&x"], ["..", ".."]] as const
  ) {
    assertEquals(parseDomain(guest("").replace(">g<", `>${written}<`)).name, name);
  }
});

Deno.test("what only looks like a device that is passed through", () => {
  const domain = parseDomain(guest(`
    <hostdev mode='capabilities' type='pci'/>
    <hostdev mode='capabilities' type='usb'/>
    <hostdev mode='subsystem' type='mdev'/>
    <interface type='hostdev'><source><address type='usb' bus='1' device='2'/></source></interface>
    <x:hostdev xmlns:x='urn:x' mode='subsystem' type='pci'/>
    <channel type='unix'><source path='/s'/><target type='guestfwd' name='a'/></channel>
    <channel type='unix'><source path='/s'/><target type='virtio'/></channel>
    <disk type='future' device='future'><source startupPolicy='future'/></disk>`));
  assertEquals([domain.pci, domain.usb, domain.channels], [[], [], []]);
  assertEquals(domain.disks, [{ startupPolicy: "mandatory", device: "disk" }]);
});

Deno.test("files of the firmware and of devices", () => {
  const os = (inside: string, devices = "") => parseDomain(guest(devices, `<memory>1</memory><os>${inside}</os>`));
  assertEquals(os("<loader type='rom'>hvmloader</loader><dtb>/b.dtb</dtb>").files, ["/b.dtb"]);
  assertEquals(os("<nvram>/v.fd</nvram>").nvram, undefined);
  assertEquals(os("<nvram template='/t.fd'/>").nvram, undefined);
  assertEquals(os("<nvram template='/t.fd'>\n<source file='/v.fd'/>\n</nvram>").nvram, {
    path: "/v.fd",
    template: "/t.fd",
  });
  const rom = (slot: number) => pciAt(`bus='1' slot='${slot}'`).replace("<source>", "<rom file='/card.rom'/><source>");
  assertEquals(os("<kernel>/k</kernel>", rom(0) + rom(1)).files, ["/k", "/card.rom"]);
});

Deno.test("a UUID in upper case is the same guest", () => {
  assertEquals(parseDomain(guest("").replace(UUID, UUID.toUpperCase())).uuid, UUID);
});

Deno.test("what is wrong is told in one line, with its place", () => {
  const twice = pciAt("bus='1' slot='0'");
  const nvme = (ns: number) =>
    `<disk type='nvme'><source type='pci' namespace='${ns}'><address bus='1' slot='0'/></source></disk>`;
  for (
    const [xml, message] of [
      ["", /^domain XML:1:1: /],
      ["error: Domain not found", /^domain XML:1:1: /],
      ["\ufeff<domain>\r\n<name>g", /^domain XML:2:\d+: /],
      [fixture("win11").slice(0, 3000), /^domain XML:85:9: /],
      ["<!DOCTYPE domain [<!ENTITY a 'b'>]><domain/>", /^domain XML:1:3: .*DOCTYPE/],
      ["<domain>\n<!-- & -->&amp;\n<name>&a;</name></domain>", /^domain XML:3:7: /],
      ["\r\n\r\n\r\n<!DOCTYPE a><a/>", /^domain XML:4:3: DOCTYPE declarations are not allowed$/],
      [guest("\n<?x <a> ?><![CDATA[<b>]]>\n<hostdev type='pci'/>"), /^domain XML:3:1: /],
      [
        guest(`<hostdev type='usb'><source><vendor id='${"9".repeat(100)}'/><product/></source></hostdev>`),
        /id "9{57}\.{3}" is/,
      ],
      ["<hookData><network/></hookData>", /^domain XML:1:1: .* <hookData>$/],
      ["<network><name>default</name></network>", /^domain XML:1:1: .* <network>$/],
      ["<x:domain xmlns:x='y'/>", / <x:domain>$/],
      ["<domain/>", /^domain XML:1:1: <domain> has no <name>$/],
      ["<domain xmlns:x='u'><x:name>g</x:name></domain>", /<domain> has no <name>$/],
      ["<domain><name/></domain>", /^domain XML:1:9: <name> is empty$/],
      ["<domain><name>g</name></domain>", /<domain> has no <uuid>$/],
      [guest("").replaceAll("-", ""), /:1:23: "8bd0c0a36f0e4a519d3c0a5b7e1c2d3f" is not a UUID$/],
      [guest("").replace("8bd0", "\n"), /"\\u\{a\}c0a3.*" is not a UUID$/],
      [guest("", "<memory>1e3</memory>"), /"1e3 KiB" is not an amount of memory$/],
      [guest("", "<memory unit='pages'>1</memory>"), /"1 pages" is not/],
      [guest("", "<memory>99999999999999999999</memory>"), /is not an amount/],
      [guest("\n" + pciAt("domain='0x10000' bus='1' slot='0'")), /:2:\d+: domain "0x10000" is not .* 0x0 to 0xffff$/],
      [guest(pciAt("bus='256' slot='0'")), /bus "256" is not/],
      [guest(pciAt("bus='1' slot='0x20'")), /slot "0x20" is not/],
      [guest(pciAt("bus='1' slot='0' function='8'")), /function "8" is not/],
      [guest(pciAt("bus='-1' slot='0'")), /bus "-1" is not/],
      [guest(pciAt("bus='010' slot='0'")), /bus "010" is not/],
      [guest(pciAt("bus='' slot='0'")), /bus "" is not/],
      [guest(pciAt("slot='0'")), /<address> has no bus$/],
      [guest("<hostdev type='pci'/>"), /<hostdev> has no <source>$/],
      [guest("<interface type='hostdev'><source/></interface>"), /<source> has no <address>$/],
      [guest(twice + twice), /0000:01:00\.0 is given to the guest twice$/],
      [guest(twice + nvme(1)), /twice$/],
      [guest(usbOf("<vendor id='0'/><product id='1'/>")), /id "0" is not a number from 0x1 to 0xffff$/],
      [guest(usbOf("<vendor id='0x10000'/><product id='1'/>")), /id "0x10000" is not/],
      [guest(usbOf("<vendor id='046d'/><product id='1'/>")), /id "046d" is not/],
      [guest(usbOf("<vendor id='1'/>")), /needs <vendor> and <product>, or an <address>$/],
      [guest(usbOf("")), /needs <vendor>/],
      [guest(usbOf("<address bus='1' port='../2'/>")), /port "\.\.\/2" is not/],
      [guest(usbOf("<address bus='1'/>")), /<address> has no device$/],
    ] as const
  ) {
    const error = assertThrows(() => parseDomain(xml), AidError, "", xml);
    assertMatch(error.message, message);
    assert(error.hint && !/\n/.test(error.message), xml);
  }
  assertEquals(parseDomain(guest(nvme(1) + nvme(2))).pci.length, 1);
});

Deno.test("10,000 devices take no second", () => {
  const hostdevs = Array.from(
    { length: 10_000 },
    (_, n) => pciAt(`domain='${n >> 8}' bus='${n & 0xff}' slot='0' function='0'`),
  );
  const xml = guest(hostdevs.join("\n"));
  const times = [1, 2, 3].map(() => {
    const began = performance.now();
    assertEquals(parseDomain(xml).pci.length, 10_000);
    return performance.now() - began;
  });
  assert(Math.min(...times) < 1_000, `${times}`);
  assertThrows(() => parseDomain(xml.replace("domain='39' bus='15'", "domain='0' bus='0'")), AidError, "twice");
});
