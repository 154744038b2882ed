import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import fc from "fast-check";
import { type Domain, parseDomain, type PciHostdev, type UsbHostdev } from "../lib/domain.ts";
import { AidError } from "../lib/errors.ts";

/** What XML 1.0 can carry. */
const text = fc.string({ unit: "binary", minLength: 1, maxLength: 12 })
  .filter((it) => !/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u.test(it));
const path = text.map((it) => `/${it}`);
const hex = (digits: number, max: number, min = 0) =>
  fc.integer({ min, max }).map((it) => it.toString(16).padStart(digits, "0"));
const startupPolicy = fc.constantFrom("mandatory" as const, "requisite" as const, "optional" as const);

const address = fc.tuple(hex(4, 0xffff), hex(2, 0xff), hex(2, 0x1f), hex(1, 7))
  .map(([domain, bus, slot, fn]) => `${domain}:${bus}:${slot}.${fn}`);
const pci: fc.Arbitrary<PciHostdev> = fc.record({
  address,
  from: fc.constantFrom("hostdev" as const, "interface" as const),
  managed: fc.boolean(),
  driverName: text,
  driverModel: text,
  romFile: path,
}, { requiredKeys: ["address", "from", "managed"] });
const nvme: fc.Arbitrary<PciHostdev> = fc.record({ address, from: fc.constant("disk"), managed: fc.boolean() });

const usbId = hex(4, 0xffff, 1).map((it) => `0x${it}`);
const ids = fc.record({ vendor: usbId, product: usbId });
const port = fc.array(fc.nat(9), { minLength: 1 }).map((it) => it.join("."));
const place = fc.oneof(
  fc.record({ bus: fc.nat(255), device: fc.nat(255) }),
  fc.record({ bus: fc.nat(255), port }),
);
const usb: fc.Arbitrary<UsbHostdev> = fc.oneof(ids, place, fc.tuple(ids, place).map(([a, b]) => ({ ...a, ...b })))
  .chain((at) => startupPolicy.map((policy) => ({ ...at, startupPolicy: policy })));

const disk = fc.record({
  source: path,
  startupPolicy,
  device: fc.constantFrom("disk" as const, "cdrom" as const, "floppy" as const, "lun" as const),
}, { requiredKeys: ["startupPolicy", "device"] });

const ORDER = ["hostdev", "interface", "disk"];
const domain: fc.Arbitrary<Domain> = fc.record({
  name: text,
  uuid: fc.uuid(),
  memoryKiB: fc.nat(),
  pci: fc.uniqueArray(fc.oneof(pci, nvme), { selector: (it) => it.address })
    .map((all) => all.toSorted((a, b) => ORDER.indexOf(a.from) - ORDER.indexOf(b.from))),
  usb: fc.array(usb),
  disks: fc.array(disk),
  kernel: fc.array(path, { maxLength: 1 }),
  nvram: fc.record({ path, template: path }),
  evdev: fc.array(path),
  huge: fc.boolean(),
  networks: fc.array(text),
  channels: fc.array(fc.record({ name: text, path }, { requiredKeys: ["name"] })),
  video: fc.array(text.filter((it) => it !== "none")),
  graphics: fc.array(text),
}, { noNullPrototype: true }).map(({ kernel, huge, ...rest }) => ({
  ...rest,
  disks: [
    ...rest.disks,
    ...rest.pci.filter((it) => it.from === "disk").map(() => ({ startupPolicy: "mandatory", device: "disk" } as const)),
  ],
  files: [...new Set([...kernel, ...rest.pci.flatMap((it) => it.romFile ?? [])])],
  hugepages: huge ? [{ needKiB: rest.memoryKiB }] : [],
}));

const escape = (it: string) => it.replace(/[<>&'"\t\n\r]/g, (c) => `&#${c.charCodeAt(0)};`);
/** `<name attributes>content</name>`; attributes without a value are left out. */
const tag = (name: string, attributes: Record<string, unknown> = {}, ...content: string[]) => {
  const written = Object.entries(attributes).filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}='${escape(String(value))}'`);
  return `<${name}${written.join("")}>${content.join("\n")}</${name}>`;
};
const some = (condition: unknown, written: () => string) => condition ? written() : "";

/** A domain as libvirt would write it, NVMe disks after the others. */
function render(d: Domain): string {
  const guests = tag("address", { type: "pci", domain: "0x0000", bus: "0x01", slot: "0x00", function: "0x0" });
  const pciElement = (it: PciHostdev) => {
    const [domain, bus, slot, fn] = it.address.split(/[:.]/).map((part) => `0x${part}`);
    const managed = it.managed ? "yes" : "no";
    const host = tag("address", { domain, bus, slot, function: fn });
    if (it.from === "disk") {
      return tag("disk", { type: "nvme" }, tag("driver", { name: "qemu" }), tag("source", { managed }, host), guests);
    }
    return tag(
      it.from,
      it.from === "hostdev" ? { mode: "subsystem", type: "pci", managed } : { type: "hostdev", managed },
      tag("driver", { name: it.driverName, model: it.driverModel }),
      tag("source", {}, host),
      tag("rom", { bar: "on", file: it.romFile }),
      guests,
    );
  };
  const usbElement = (it: UsbHostdev) =>
    tag(
      "hostdev",
      { mode: "subsystem", type: "usb" },
      tag(
        "source",
        { startupPolicy: it.startupPolicy },
        some(it.vendor, () => tag("vendor", { id: it.vendor }) + tag("product", { id: it.product })),
        some(it.bus !== undefined, () => tag("address", { bus: it.bus, device: it.device, port: it.port })),
      ),
      tag("address", { type: "usb", bus: 0, port: 1 }),
    );
  const roms = d.pci.map((it) => it.romFile);
  const disks = d.disks.slice(0, d.disks.length - d.pci.filter((it) => it.from === "disk").length);
  return tag(
    "domain",
    { type: "kvm", id: 1 },
    tag("name", {}, escape(d.name)),
    tag("uuid", {}, d.uuid),
    tag("memory", { unit: "KiB" }, String(d.memoryKiB)),
    some(d.hugepages.length, () => tag("memoryBacking", {}, "<hugepages/>")),
    tag(
      "os",
      {},
      ...d.files.filter((file) => !roms.includes(file)).map((file) => tag("kernel", {}, escape(file))),
      some(d.nvram, () => tag("nvram", { template: d.nvram!.template }, escape(d.nvram!.path))),
    ),
    tag(
      "devices",
      {},
      ...disks.map((it) =>
        tag("disk", { device: it.device }, tag("source", { file: it.source, startupPolicy: it.startupPolicy }))
      ),
      ...d.pci.map(pciElement),
      ...d.usb.map(usbElement),
      ...d.evdev.map((dev) => tag("input", { type: "evdev" }, tag("source", { dev }))),
      ...d.networks.map((network) => tag("interface", { type: "network" }, tag("source", { network }))),
      ...d.channels.map(({ name, path }) =>
        tag("channel", { type: "unix" }, tag("source", { path }), tag("target", { type: "virtio", name }))
      ),
      ...[...d.video, "none"].map((type) => tag("video", {}, tag("model", { type }))),
      ...d.graphics.map((type) => tag("graphics", { type })),
    ),
  );
}

/** Parses what may be no XML: the only error is ours, in one line, with a hint. */
function attempt(xml: string): void {
  try {
    parseDomain(xml);
  } catch (error) {
    assertInstanceOf(error, AidError);
    assert(error.hint);
    assertEquals(error.message.split("\n").length, 1);
  }
}

Deno.test("a domain comes back as it was written", () => {
  fc.assert(fc.property(domain, (it) => {
    const parsed = parseDomain(render(it));
    assertEquals(parsed, it);
    assertEquals(JSON.parse(JSON.stringify(parsed)), parsed);
  }));
});

Deno.test("no text makes it throw anything but an AidError", () => {
  const decoder = new TextDecoder();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => attempt(decoder.decode(bytes))));
  const pieces = fc.constantFrom("<domain>", "</domain>", "<name>", "<a b='", "'/>", "<!--", "-->", "<![CDATA[", "]]>");
  const others = fc.constantFrom(
    "<?x",
    "?>",
    "&amp;",
    "&#0;",
    "&x",
    "<!DOCTYPE a>",
    "\n",
    "\r",
    "<x:y>",
    "\ufeff",
    "\0",
  );
  fc.assert(fc.property(fc.array(fc.oneof(pieces, others, text)), (all) => attempt(all.join(""))));
  attempt("<a>".repeat(100_000));
  attempt("<domain>" + "<a>".repeat(100_000) + "</a>".repeat(100_000) + "</domain>");
});

Deno.test("nor does a real one that is cut, or in which a piece is replaced", () => {
  const real = Deno.readTextFileSync(new URL("fixtures/win11.xml", import.meta.url));
  const at = fc.nat(real.length);
  fc.assert(fc.property(at, (end) => attempt(real.slice(0, end))));
  fc.assert(fc.property(at, fc.nat(20), fc.string(), (start, length, piece) => {
    attempt(real.slice(0, start) + piece + real.slice(start + length));
  }));
});
