import { assertEquals } from "@std/assert";
import * as guest from "../../lib/preflight/guest.ts";
import { factsOf, GPU } from "../on-host.ts";
import { server, workstation } from "../simulated/machines.ts";
import { testCheck } from "./check.ts";

const NAMES = [
  ["win11", []],
  ["--help", []],
  ["Käthes Rechner", []],
  ["x".repeat(255), []],
  ["..", ["the guest's name cannot be used: it is . or .."]],
  ["a/b", ["the guest's name cannot be used: it has a slash"]],
  ["a\nb", ["the guest's name cannot be used: it has a control character"]],
  ["x".repeat(256), ["the guest's name cannot be used: it is longer than 255 bytes"]],
  ["", ["the guest's name cannot be used: it is empty"]],
] as const;

Deno.test("name: what can be a file's name is taken, anything else is said", async () => {
  const facts = await factsOf({ pci: [GPU] });
  for (const [name, says] of NAMES) {
    const found = guest.name({ ...facts, domain: { ...facts.domain, name } });
    assertEquals(found.map(({ reason }) => reason), [...says], name);
  }
});

const usb = (source: string, policy = "") => ({
  devices: `<hostdev mode='subsystem' type='usb'><source${policy}>${source}</source></hostdev>`,
});
testCheck("usb", guest.usb, [
  {
    what: "one that is missing",
    guest: { usb: ["046d:c31c", "dead:beef"] },
    says: ["USB device 0xdead:0xbeef is not plugged in"],
  },
  { what: "plugged in, by its ids", guest: { usb: ["046d:c31c"] } },
  {
    what: "pulled out",
    guest: { usb: ["046d:c31c"] },
    change: (host) => host.usb.unplug("1-1"),
    says: ["USB device 0x046d:0xc31c is not plugged in"],
  },
  { what: "by its place", guest: usb("<address bus='1' device='2'/>") },
  {
    what: "nothing at its place",
    guest: usb("<address bus='1' device='7'/>"),
    says: ["USB device bus 1 device 7 is not plugged in"],
  },
  {
    what: "missing, and optional",
    guest: usb("<vendor id='0xdead'/><product id='0xbeef'/>", " startupPolicy='optional'"),
  },
  {
    what: "missing, and requisite",
    guest: usb("<vendor id='0xdead'/><product id='0xbeef'/>", " startupPolicy='requisite'"),
    says: ["USB device 0xdead:0xbeef is not plugged in"],
  },
]);

const PORT = "<vendor id='0x046d'/><product id='0xc31c'/><address bus='1' port='1'/>";
Deno.test("usb: a device is found by the port that it is plugged into, as libvirt counts ports", async () => {
  const says = async (port: string) => {
    const facts = await factsOf(usb(PORT.replace("port='1'", `port='${port}'`)));
    return guest.usb(facts).map(({ reason }) => reason);
  };
  assertEquals(await says("1"), []);
  assertEquals((await says("3")).length, 1);
});

const disk = (file: string, policy = "") => `<disk type='file' device='cdrom'><source file='${file}'${policy}/></disk>`;
const there = (...files: string[]) => ({ ...workstation, files: Object.fromEntries(files.map((file) => [file, "x"])) });
testCheck("files", guest.files, [
  {
    what: "a disk that is missing",
    guest: { devices: disk("/a.iso") + disk("/b.iso") },
    machine: there("/a.iso"),
    says: ["there is no /b.iso"],
  },
  {
    what: "disks that are there",
    guest: { devices: disk("/a.iso") + disk("/b.iso") },
    machine: there("/a.iso", "/b.iso"),
  },
  { what: "a disk that may be missing", guest: { devices: disk("/a.iso", " startupPolicy='optional'") } },
  {
    what: "a ROM file that is missing",
    guest: { pci: [{ address: GPU, inside: "<rom file='/gpu.rom'/>" }] },
    says: ["there is no /gpu.rom"],
  },
  {
    what: "an input device that is missing",
    guest: {
      devices: "<input type='evdev'><source dev='/dev/input/by-id/kbd'/></input>",
    },
    says: ["there is no /dev/input/by-id/kbd"],
  },
  { what: "a drive without a disk", guest: { devices: "<disk type='file' device='cdrom'/>" } },
  {
    what: "a file server that does not answer",
    guest: { devices: disk("/nfs/a.iso") },
    change: (host) => {
      host.commands.delete("/usr/bin/stat");
    },
  },
]);

Deno.test("files: firmware's variables, or what they are made from", async () => {
  const says = async (...files: string[]) => {
    const facts = await factsOf({ pci: [GPU] });
    const states = Object.fromEntries(
      ["/n", "/t"].map((it) => [it, files.includes(it) ? "present" : "missing"] as const),
    );
    const domain = { ...facts.domain, nvram: { path: "/n", template: "/t" } };
    return guest.files({ ...facts, domain, host: { ...facts.host, files: states } }).map(({ reason }) => reason);
  };
  assertEquals(await says("/n"), []);
  assertEquals(await says("/t"), []);
  assertEquals(await says(), ["there is no /t"]);
});

const pages = (page = "") => ({
  memoryMiB: 16_384,
  more: `<memoryBacking><hugepages>${page}</hugepages></memoryBacking>`,
});
testCheck("hugepages", guest.hugepages, [
  {
    what: "none, of the host's own size",
    guest: pages(),
    says: [
      "16777216 KiB in huge pages of 2048 KiB are asked for, 0 KiB are free",
    ],
  },
  {
    what: "too few of a size",
    guest: pages("<page size='1' unit='GiB'/>"),
    machine: server,
    says: [
      "16777216 KiB in huge pages of 1048576 KiB are asked for, 8388608 KiB are free",
    ],
  },
  {
    what: "a size that the host has none of",
    guest: pages("<page size='16' unit='GiB'/>"),
    machine: server,
    says: [
      "16777216 KiB in huge pages of 16777216 KiB are asked for, 0 KiB are free",
    ],
  },
  { what: "just enough", guest: { ...pages("<page size='1' unit='GiB'/>"), memoryMiB: 8_192 }, machine: server },
  { what: "none asked for", guest: { memoryMiB: 1 << 20 } },
]);
