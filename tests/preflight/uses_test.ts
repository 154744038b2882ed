import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DEFAULT_CONFIG } from "../../lib/config.ts";
import type { InitName } from "../../lib/host/inits/init.ts";
import type { Staying } from "../../lib/leave.ts";
import type { Facts } from "../../lib/preflight/finding.ts";
import * as uses from "../../lib/preflight/uses.ts";
import { factsOf, GPU, NIC, SOUND } from "../on-host.ts";
import { uuidOf } from "../simulated/guests.ts";
import type { ProcessSpec } from "../simulated/machine.ts";
import { workstation } from "../simulated/machines.ts";
import { type Case, testCheck } from "./check.ts";

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
const card = ["/dev/dri/card1", "/dev/dri/renderD129"];
const through = "through /dev/dri/card1, /dev/dri/renderD129";
const again = "then start the guest again";
const terminate = `; <desktop holders="terminate"/> in /etc/virt-aid/config.xml has every start do so`;
const desktop = { ...DEFAULT_CONFIG.desktop, holders: "terminate" } as const;
const moment =
  "start the guest again in a moment: it may only be looking at the card; if it keeps that, give it to vfio-pci" +
  " at boot";
const root = { pid: 812, uid: 0, open: card };

/** A daemon of root in a service, which has the card open. */
const daemon = (comm: string, more: Partial<ProcessSpec> = {}): Case["change"] => (host) =>
  void host.processes.spawn({
    ...root,
    comm,
    args: [`/usr/bin/${comm}`],
    cgroup: `/system.slice/${comm}.service`,
    ...more,
  });

/** A QEMU that libvirt has started. */
const other = daemon("qemu-system-x86", {
  args: ["/usr/bin/qemu-system-x86_64", "-uuid", uuidOf("linux")],
  cgroup: "/machine.slice/machine-qemu.scope",
});

testCheck("noHolders", uses.noHolders, [
  {
    what: "a program on the card and its sound",
    guest: { pci: [GPU] },
    change: (host) => void host.processes.spawn({ ...blender, open: ["/dev/dri/card1", "/dev/snd/controlC1"] }),
    says: [
      `${GPU} is held by blender (pid 812, user ann) through /dev/dri/card1`,
      `${SOUND} is held by blender (pid 812, user ann) through /dev/snd/controlC1`,
    ],
    hints: Array(2).fill(`end blender, ${again}${terminate}`),
  },
  {
    what: "a crowd of programs, each with two nodes",
    guest: { pci: [GPU] },
    change: (host) => {
      for (let n = 1; n <= 5; n++) host.processes.spawn({ ...blender, pid: 800 + n, comm: `miner${n}`, open: card });
    },
    says: [
      `${GPU} is held by miner1 (pid 801, user ann) ${through}; also by miner2 (pid 802), miner3 (pid 803), ` +
      "miner4 (pid 804) and 1 more",
    ],
    hints: [`end miner1, miner2, miner3 and 2 more, ${again}${terminate}`],
  },
  {
    what: "a process that nobody may look into",
    guest: { pci: [NIC] },
    change: (host) => void host.processes.spawn({ ...blender, confined: "wholly" }),
    says: [`${NIC} may be held by blender (pid 812, user ann), which cannot be looked into`],
    hints: ["start the guest again; if it is still there then, `ls -l /proc/812/fd` as root shows what it has open"],
  },
  {
    what: "a service",
    guest: { pci: [GPU] },
    change: daemon("ollama"),
    says: [`${GPU} is held by ollama (pid 812, user root) ${through}, of ollama.service`],
    hints: [
      "`systemctl stop ollama.service`, or have every start do so: " +
      `<service name="ollama.service"/> in /etc/virt-aid/config.xml`,
    ],
  },
  {
    what: "another guest that we gave nothing",
    guest: { pci: [GPU] },
    change: other,
    says: [`${GPU} is held by qemu-system-x86 (pid 812, user root) ${through}; another guest uses it`],
    hints: ["shut that guest down first: `virsh list` shows those that run"],
  },
  {
    what: "another guest of ours",
    guest: { pci: [GPU] },
    change: other,
    claims: { [GPU]: "linux" },
    says: [`${GPU} is held by qemu-system-x86 (pid 812, user root) ${through}; another guest uses it`],
    hints: ["shut it down first: `virsh shutdown linux`"],
  },
  ...["systemd-udevd", "dbus-daemon"].map((comm): Case => ({
    what: `${comm}, which the host hangs on`,
    guest: { pci: [GPU] },
    config: { desktop },
    change: daemon(comm, { args: [`/usr/bin/${comm}`, "--system"] }),
    says: [`${GPU} is held by ${comm} (pid 812, user root) ${through}; the host needs it, or libvirt runs in it`],
    hints: [moment],
  })),
  {
    what: "a program on another card",
    guest: { pci: [GPU] },
    change: (host) => void host.processes.spawn({ ...blender, open: ["/dev/dri/card0"] }),
  },
  { what: "a desktop on another card", guest: { pci: [GPU, NIC] } },
]);

Deno.test("noHolders: what helps with a login, and with services of other init systems", async () => {
  const facts = await factsOf({ pci: [GPU] }, workstation, DEFAULT_CONFIG, (host) => {
    host.processes.spawn({ ...blender, open: card });
  });
  const [{ holder }] = facts.leave.staying as [Staying, ...Staying[]];
  const hint = (staying: Staying, more: Partial<Facts> = {}) => {
    const leave = { ...facts.leave, staying: [staying] };
    return uses.noHolders({ ...facts, ...more, leave })[0]!.hint;
  };
  const login = { kind: "login", tty: "tty1", pid: 800, start: "1" } as const;
  assertEquals(hint({ holder: { ...holder, owner: login } }), `end blender, ${again}`);
  assertMatch(hint({ holder: { ...holder, name: "?" } }), /^start the guest again; /, "it had ended meanwhile");
  const endless = hint({ holder: { ...holder, owner: login }, why: "ann is logged in on tty1 by itself, and so on" });
  assertEquals(endless, "take the automatic login there away, then log out there");
  const init = (init: InitName) => ({ host: { ...facts.host, desktop: { ...facts.host.desktop!, init } } });
  const service = { ...holder, owner: { kind: "service", unit: "ollama" } } as const;
  for (
    const [name, stop] of [
      ["OpenRC", "rc-service ollama stop"],
      ["runit", "sv down ollama"],
      ["s6", "s6-rc -d change ollama"],
      ["dinit", "dinitctl stop ollama"],
    ] as const
  ) assertStringIncludes(hint({ holder: service }, init(name)), `\`${stop}\`, or have every start do so`);
});
