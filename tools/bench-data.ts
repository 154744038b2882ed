/**
 * What `deno task bench` measures with: a big host as data, and a sysfs of files with as much in it as a workstation has.
 *
 * @module
 */

import type { Domain, Host, PciFunction, Question } from "../mod.ts";

/** How many functions and processes the big host has. */
const FUNCTIONS = 200;
const PROCESSES = 500;

/** Address of the n-th function. */
function address(n: number): string {
  return `0000:${(n >> 3).toString(16).padStart(2, "0")}:00.${n & 7}`;
}

/** A guest that takes eight functions of it. */
export function bigDomain(): Domain {
  const pci = Array.from({ length: 8 }, (_, n) => ({ address: address(n), from: "hostdev" as const, managed: true }));
  return {
    name: "big",
    uuid: "8a5a0f0e-1d3c-4a7e-9a53-3d1f6f0f7a11",
    memoryKiB: 1024,
    pci,
    usb: [],
    disks: [],
    files: [],
    evdev: [],
    hugepages: [],
    networks: [],
    channels: [],
    video: [],
    graphics: [],
  };
}

/** A host with that many functions, every process a holder of one of them, none of which the guest takes. */
export function bigHost(): Host {
  const functions = Array.from({ length: FUNCTIONS }, (_, n): PciFunction => ({
    address: address(n),
    class: n === 0 ? "0x030000" : "0x020000",
    vendor: "0x8086",
    device: "0x1234",
    driver: "e1000e",
    module: "e1000e",
    modalias: "pci:v00008086d00001234",
    vfio: false,
    group: n < 8 ? 1 : n,
    above: ["0000:00:01.0"],
    answers: true,
    vfs: 0,
  }));
  const holders = Array.from({ length: PROCESSES }, (_, n) => ({
    address: address(8 + n % (FUNCTIONS - 8)),
    pid: 1000 + n,
    name: "program",
    user: "ann",
    node: "/dev/dri/card1",
    start: "1",
    owner: { kind: "none" } as const,
  }));
  return {
    iommu: true,
    functions: Object.fromEntries(functions.map((fn) => [fn.address, fn])),
    drivers: { "vfio-pci": "loaded" },
    variants: {},
    holders,
    displays: [],
    disks: [],
    routes: [],
    keyboards: [],
    usb: [],
    files: {},
    memory: { availableKiB: 1024, defaultPageKiB: 2048, hugeKiB: {} },
    networks: [],
    claims: {},
  };
}

/** Writes a sysfs of plain files with a graphics card of two functions, and says what is asked about it. */
export async function fakeSysfs(root: string): Promise<Question> {
  const place = "devices/pci0000:00/0000:00:01.0";
  const put = async (path: string, text: string) => {
    await Deno.mkdir(`${root}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${root}/${path}`, text);
  };
  const link = async (path: string, target: string) => {
    await Deno.mkdir(`${root}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.symlink(target, `${root}/${path}`);
  };
  const functions = ["0000:01:00.0", "0000:01:00.1"];
  await put("class/iommu/dmar0/type", "intel");
  await put("bus/pci/drivers/vfio-pci/bind", "");
  for (const [n, fn] of functions.entries()) {
    const attributes = {
      class: n ? "0x040300" : "0x030000",
      vendor: "0x10de",
      device: "0x2684",
      config: "\xde\x10",
      modalias: "",
    };
    for (const [name, text] of Object.entries(attributes)) await put(`${place}/${fn}/${name}`, text);
    await link(`${place}/${fn}/iommu_group`, "../../../../kernel/iommu_groups/7");
    await link(`kernel/iommu_groups/7/devices/${fn}`, `../../../../${place}/${fn}`);
    await link(`bus/pci/devices/${fn}`, `../../../${place}/${fn}`);
  }
  for (const connector of ["", "/card1-DP-1", "/card1-DP-2", "/card1-HDMI-A-1", "/card1-HDMI-A-2"]) {
    const names = ["status", "enabled", "dpms", "modes", "edid", "connector_id"];
    for (const name of names) await put(`${place}/0000:01:00.0/drm/card1${connector}/${name}`, "");
  }
  await put(`${place}/0000:01:00.0/drm/card1/uevent`, "MAJOR=226\nMINOR=1\nDEVNAME=dri/card1\n");
  await put(`${place}/0000:01:00.1/sound/card1/controlC1/uevent`, "DEVNAME=snd/controlC1\n");
  return { pci: functions, drivers: ["vfio-pci"], files: [], services: [] };
}
