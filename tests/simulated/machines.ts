/**
 * A few machines; those about graphics cards are in tests/simulated/gpu-machines.ts.
 *
 * @module
 */

import { hybrid, hybridNvidia, singleGpu, singleNvidia } from "./gpu-machines.ts";
import type { FunctionSpec, Machine } from "./machine.ts";
import { bridge, input, mounts, nvme, xhci } from "./parts.ts";

/** A desktop on the processor's graphics, a second card for a guest, a network card for a guest. */
export const workstation: Machine = {
  name: "workstation",
  iommu: true,
  functions: [
    bridge("0000:00:01.0", 1),
    bridge("0000:00:1c.0", 7),
    bridge("0000:00:1c.2", 8),
    bridge("0000:00:1c.4", 9),
    {
      address: "0000:00:02.0",
      class: "0x030000",
      vendor: "0x8086",
      device: "0x4680",
      driver: "i915",
      group: 0,
      bootVga: true,
      drm: { card: 0, render: 128, fb: 0, i2c: [0, 1], connectors: [{ name: "HDMI-A-1", connected: true }] },
    },
    xhci,
    {
      address: "0000:01:00.0",
      class: "0x030000",
      vendor: "0x10de",
      device: "0x2684",
      driver: "nouveau",
      group: 13,
      above: "0000:00:01.0",
      drm: { card: 1, render: 129, i2c: [4], connectors: [{ name: "DP-1", connected: false }] },
    },
    {
      address: "0000:01:00.1",
      class: "0x040300",
      vendor: "0x10de",
      device: "0x22ba",
      driver: "snd_hda_intel",
      group: 13,
      above: "0000:00:01.0",
      sound: 1,
    },
    {
      address: "0000:02:00.0",
      class: "0x020000",
      vendor: "0x8086",
      device: "0x10d3",
      driver: "e1000e",
      group: 15,
      above: "0000:00:1c.0",
      net: "enp2s0",
    },
    {
      address: "0000:03:00.0",
      class: "0x020000",
      vendor: "0x8086",
      device: "0x1533",
      driver: "igb",
      group: 16,
      above: "0000:00:1c.2",
      net: "enp3s0",
    },
    nvme,
  ],
  ...input,
  mounts,
  routes: ["enp3s0"],
  networks: ["default"],
  processes: [
    {
      pid: 900,
      comm: "gdm-wayland-ses",
      args: ["/usr/libexec/gdm-wayland-session"],
      uid: 1000,
      cgroup: "/user.slice/user-1000.slice/session-2.scope",
    },
    {
      pid: 910,
      parent: 900,
      comm: "gnome-shell",
      args: ["/usr/bin/gnome-shell"],
      uid: 1000,
      open: ["/dev/dri/card0", "/dev/dri/renderD128"],
      cgroup: "/user.slice/user-1000.slice/user@1000.service/session.slice/org.gnome.Shell@wayland.service",
    },
    {
      pid: 920,
      comm: "pipewire",
      args: ["/usr/bin/pipewire"],
      uid: 1000,
      cgroup: "/user.slice/user-1000.slice/user@1000.service/session.slice/pipewire.service",
    },
  ],
};

/** A server: a card with virtual functions, a card of two ports in one group, one of two ports in a group each. */
export const server: Machine = {
  name: "server",
  iommu: true,
  functions: [
    bridge("0000:00:01.0", 1),
    bridge("0000:00:03.0", 2),
    bridge("0000:00:05.0", 3),
    bridge("0000:00:1c.4", 9),
    xhci,
    {
      address: "0000:01:00.0",
      class: "0x020000",
      vendor: "0x8086",
      device: "0x1572",
      driver: "i40e",
      group: 20,
      above: "0000:00:01.0",
      net: "ens1f0",
    },
    ...[0, 1, 2, 3].map((vf): FunctionSpec => ({
      address: `0000:01:02.${vf}`,
      class: "0x020000",
      vendor: "0x8086",
      device: "0x154c",
      driver: "iavf",
      group: 30 + vf,
      above: "0000:00:01.0",
      physfn: "0000:01:00.0",
      net: `ens1f0v${vf}`,
    })),
    ...[0, 1].map((port): FunctionSpec => ({
      address: `0000:02:00.${port}`,
      class: "0x020000",
      vendor: "0x8086",
      device: "0x1521",
      driver: "igb",
      group: 21,
      above: "0000:00:03.0",
      net: `ens2f${port}`,
    })),
    ...[0, 1].map((port): FunctionSpec => ({
      address: `0000:03:00.${port}`,
      class: "0x020000",
      vendor: "0x15b3",
      device: "0x101d",
      driver: "mlx5_core",
      group: 22 + port,
      above: "0000:00:05.0",
      net: `ens3f${port}`,
    })),
    nvme,
  ],
  ...input,
  mounts,
  routes: ["ens3f1"],
  hugepages: { 2048: [4096, 4096], 1048576: [8, 8] },
  memoryKiB: [128 << 20, 100 << 20],
};

/** The workstation with its IOMMU off. */
export const bare: Machine = { ...workstation, name: "bare", iommu: false };

/** A machine by its name. */
export const MACHINES: Readonly<Record<string, Machine>> = {
  workstation,
  server,
  bare,
  singleGpu,
  singleNvidia,
  hybrid,
  hybridNvidia,
};
