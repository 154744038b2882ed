import * as uses from "../../lib/preflight/uses.ts";
import { GPU, NIC, SOUND } from "../on-host.ts";
import { workstation } from "../simulated/machines.ts";
import { testCheck } from "./check.ts";

const NVME = "0000:04:00.0";
const XHCI = "0000:00:14.0";
const ONLY_ROUTE = "0000:03:00.0";
const allow = { lastKeyboard: false, onlyRoute: false };

testCheck("noMountedDisk", uses.noMountedDisk, [
  { what: "the system's disk", guest: { pci: [NVME] }, says: ["the host uses a disk on it: /, /boot/efi"] },
  { what: "a disk that is not mounted", guest: { pci: [NVME] }, machine: { ...workstation, mounts: [] } },
  { what: "another card", guest: { pci: [NIC] } },
]);

testCheck("keepsRoute", uses.keepsRoute, [
  {
    what: "the only way",
    guest: { pci: [ONLY_ROUTE] },
    says: ["the host's only way to the network, enp3s0, would go"],
  },
  {
    what: "both ways",
    guest: { pci: [NIC, ONLY_ROUTE] },
    machine: { ...workstation, routes: ["enp2s0", "enp3s0"] },
    says: ["the host's only way to the network, enp2s0, enp3s0, would go"],
  },
  {
    what: "the only way, beside one that is on no card",
    guest: { pci: [ONLY_ROUTE] },
    change: ({ tree }) => {
      tree.file("/proc/1/net/route", "\nenp3s0\t00000000\t0\t0003\nwg0\t00000000\t0\t0003\n");
      tree.sysLink("/sys/class/net/wg0", "/sys/devices/virtual/net/wg0");
    },
    says: ["the host's only way to the network, enp3s0, would go"],
  },
  { what: "one of two ways", guest: { pci: [NIC] }, machine: { ...workstation, routes: ["enp2s0", "enp3s0"] } },
  {
    what: "the only way, which the config allows",
    guest: { pci: [ONLY_ROUTE] },
    config: { allow: { ...allow, onlyRoute: true } },
  },
  { what: "a host without a network", guest: { pci: [ONLY_ROUTE] }, machine: { ...workstation, routes: [] } },
]);

testCheck("keepsKeyboard", uses.keepsKeyboard, [
  {
    what: "the controller of the last keyboard",
    guest: { pci: [XHCI] },
    says: [
      "the host's last keyboard, Logitech USB Keyboard, would go",
    ],
  },
  {
    what: "the controller of the last keyboard, which the config allows for this guest",
    guest: { pci: [XHCI] },
    config: { guests: [{ name: "win11", allow: { lastKeyboard: true }, devices: [], desktop: {}, services: [] }] },
  },
  {
    what: "the controller of one of two keyboards",
    guest: { pci: [XHCI] },
    change: ({ tree }) => {
      const laptop =
        `N: Name="AT"\nS: Sysfs=/devices/platform/i8042/serio0/input/input1\nH: Handlers=sysrq kbd leds\n\n`;
      const text = tree.texts("/proc/bus/input")["/proc/bus/input/devices"]!;
      tree.file("/proc/bus/input/devices", laptop + text);
    },
  },
  { what: "a controller without a keyboard", guest: { pci: [XHCI] }, machine: { ...workstation, usb: [] } },
  { what: "another card", guest: { pci: [NIC] } },
]);

const blender = { pid: 812, comm: "blender", args: ["/usr/bin/blender"], uid: 1000 };
testCheck("noHolders", uses.noHolders, [
  {
    what: "a program on the card and its sound",
    guest: { pci: [GPU] },
    change: (host) => void host.processes.spawn({ ...blender, open: ["/dev/dri/card1", "/dev/snd/controlC1"] }),
    says: [
      `${GPU} is held by blender (pid 812, user ann) through /dev/dri/card1`,
      `${SOUND} is held by blender (pid 812, user ann) through /dev/snd/controlC1`,
    ],
  },
  {
    what: "a process that nobody may look into",
    guest: { pci: [NIC] },
    change: (host) => void host.processes.spawn({ ...blender, confined: "wholly" }),
    says: [`${NIC} may be held by blender (pid 812, user ann), which cannot be looked into`],
  },
  {
    what: "a program on another card",
    guest: { pci: [GPU] },
    change: (host) => void host.processes.spawn({ ...blender, open: ["/dev/dri/card0"] }),
  },
  { what: "a desktop on another card", guest: { pci: [GPU, NIC] } },
]);
