import * as devices from "../../lib/preflight/devices.ts";
import { GPU, NIC, SOUND } from "../on-host.ts";
import type { Machine } from "../simulated/machine.ts";
import { bare, server, workstation } from "../simulated/machines.ts";
import { testCheck } from "./check.ts";

/** The workstation with something else about one function. */
function with_(address: string, more: Partial<Machine["functions"][number]>): Machine {
  return {
    ...workstation,
    functions: workstation.functions.map((fn) => fn.address === address ? { ...fn, ...more } : fn),
  };
}

testCheck("iommu", devices.iommu, [
  { what: "off", guest: { pci: [GPU] }, machine: bare, says: ["the IOMMU is off"] },
  {
    what: "there, but the kernel has no groups",
    guest: { pci: [GPU] },
    change: (host) => host.tree.drop("/sys/kernel/iommu_groups"),
    says: ["the IOMMU is off"],
  },
  { what: "on", guest: { pci: [GPU] } },
]);

testCheck("present", devices.present, [
  {
    what: "one that is missing",
    guest: { pci: [GPU, "0000:09:00.0"] },
    says: ["there is no PCI device at 0000:09:00.0"],
  },
  {
    what: "many that are missing, in one line",
    guest: { pci: [1, 2, 3, 4, 5].map((n) => `0000:0${n + 4}:00.0`) },
    says: ["there is no PCI device at 0000:05:00.0, 0000:06:00.0, 0000:07:00.0 and 2 more"],
  },
  { what: "all there", guest: { pci: [GPU, NIC] } },
]);

testCheck("noBridge", devices.noBridge, [
  { what: "a bridge", guest: { pci: ["0000:00:01.0"] }, says: ["0000:00:01.0 is a bridge"] },
  { what: "a card behind one", guest: { pci: [GPU] } },
]);

testCheck("answers", devices.answers, [
  {
    what: "a function that fell off the bus",
    guest: { pci: [GPU, NIC] },
    change: (host) => void (host.pci.at(NIC).answers = false),
    says: [`${NIC} does not answer, its configuration space reads as ones`],
  },
  {
    what: "a companion that fell off the bus",
    guest: { pci: [GPU] },
    change: (host) => void (host.pci.at(SOUND).answers = false),
    says: [`${SOUND} does not answer, its configuration space reads as ones`],
  },
  { what: "functions that answer", guest: { pci: [GPU, NIC] } },
  { what: "a virtual function, which has no ids in there", guest: { pci: ["0000:01:02.0"] }, machine: server },
]);

const NIC_IDS = { address: NIC, vendor: "0x8086", product: "0x10d3" };
testCheck("expected", devices.expected, [
  {
    what: "another card at the address",
    guest: { pci: [NIC] },
    config: { devices: [{ ...NIC_IDS, product: "0x1533" }] },
    says: [`${NIC} is 0x8086:0x10d3, the config expects 0x8086:0x1533`],
  },
  {
    what: "another vendor's card at the address, said for this guest alone",
    guest: { pci: [NIC] },
    config: {
      devices: [NIC_IDS],
      guests: [{ name: "win11", allow: {}, devices: [{ ...NIC_IDS, vendor: "0x10de" }], desktop: {}, services: [] }],
    },
    says: [`${NIC} is 0x8086:0x10d3, the config expects 0x10de:0x10d3`],
  },
  { what: "the card that is expected", guest: { pci: [NIC] }, config: { devices: [NIC_IDS] } },
  {
    what: "a config for other addresses",
    guest: { pci: [GPU] },
    config: { devices: [{ ...NIC_IDS, product: "0x0" }] },
  },
  { what: "no config", guest: { pci: [NIC] } },
]);

testCheck("unclaimed", devices.unclaimed, [
  {
    what: "another guest has it",
    guest: { pci: [GPU] },
    claims: { [GPU]: "linux" },
    says: [
      `${SOUND} is in use by guest linux, as ${GPU} of its IOMMU group is`,
      `${GPU} is in use by guest linux`,
    ],
  },
  {
    what: "another guest has a function of its group on another slot",
    guest: { pci: ["0000:02:00.0"] },
    machine: { ...server, functions: server.functions.map((fn) => fn.net === "ens3f0" ? { ...fn, group: 21 } : fn) },
    claims: { "0000:03:00.0": "linux" },
    says: ["0000:02:00.0", "0000:02:00.1"].map((it) =>
      `${it} is in use by guest linux, as 0000:03:00.0 of its IOMMU group is`
    ),
  },
  {
    what: "another guest has a port in a group of its own",
    guest: { pci: ["0000:03:00.0"] },
    machine: server,
    claims: {
      "0000:03:00.1": "linux",
    },
  },
  { what: "nobody has it", guest: { pci: [GPU] }, claims: { [NIC]: "linux" } },
]);

testCheck("noActiveVfs", devices.noActiveVfs, [
  {
    what: "four",
    guest: { pci: ["0000:01:00.0"] },
    machine: server,
    says: ["0000:01:00.0 has 4 virtual functions switched on"],
  },
  {
    what: "none any more",
    guest: { pci: ["0000:01:00.0"] },
    machine: server,
    change: (host) => host.pci.setVfs(host.pci.at("0000:01:00.0"), 0),
  },
  { what: "one of them itself", guest: { pci: ["0000:01:02.0"] }, machine: server },
]);

testCheck("viable", devices.viable, [
  {
    what: "a card of the host in the group",
    guest: { pci: [GPU] },
    machine: with_(NIC, { group: 13 }),
    says: [`IOMMU group 13 is shared with ${NIC} (e1000e)`],
  },
  {
    what: "a card without a driver in the group",
    guest: { pci: [GPU] },
    machine: with_(NIC, { group: 13, driver: undefined }),
  },
  {
    what: "a card on pci-stub in the group",
    guest: { pci: [GPU] },
    machine: with_(NIC, { group: 13, driver: "pci-stub" }),
  },
  {
    what: "a card on vfio-pci in the group",
    guest: { pci: [GPU] },
    machine: with_(NIC, { group: 13, driver: "vfio-pci", override: "vfio-pci" }),
  },
  { what: "a bridge in the group", guest: { pci: [GPU] }, machine: with_("0000:00:01.0", { group: 13 }) },
  {
    what: "a bridge to something else than PCI in the group: its driver owns it as any other does",
    guest: { pci: [GPU] },
    machine: with_(NIC, { group: 13, class: "0x060100", driver: "lpc_ich" }),
    says: [`IOMMU group 13 is shared with ${NIC} (lpc_ich)`],
  },
  { what: "the other card of the group comes along", guest: { pci: [GPU, NIC] }, machine: with_(NIC, { group: 13 }) },
  {
    what: "a function without a group",
    guest: { pci: [NIC] },
    machine: with_(NIC, { group: undefined }),
    says: [
      `${NIC} is in no IOMMU group`,
    ],
  },
  { what: "a whole card", guest: { pci: [GPU] } },
]);

testCheck("drivers", devices.drivers, [
  {
    what: "no vfio-pci",
    guest: { pci: [GPU, NIC] },
    change: (host) => host.tree.drop(`/lib/modules/${host.kernel}`),
    says: ["the kernel has no driver vfio-pci"],
  },
  { what: "vfio-pci can be loaded", guest: { pci: [GPU] } },
  {
    what: "vfio-pci is part of the kernel",
    guest: { pci: [GPU] },
    machine: { ...workstation, modules: [{ name: "vfio_pci", needs: [], builtin: true }] },
  },
]);

const model = (name: string) => ({
  devices: `<hostdev mode='subsystem' type='pci' managed='yes'><driver name='vfio' model='${name}'/>
    <source><address domain='0x0000' bus='0x02' slot='0x00' function='0x0'/></source></hostdev>`,
});
testCheck("vfioModel", devices.vfioModel, [
  {
    what: "a driver of the host",
    guest: model("nouveau"),
    says: [`the guest's XML names nouveau as the driver of ${NIC}, which is no driver for guests`],
  },
  {
    what: "the driver that it is on",
    guest: model("e1000e"),
    says: [`the guest's XML names e1000e as the driver of ${NIC}, which is no driver for guests`],
  },
  {
    what: "options instead of a name",
    guest: model("-r vfio_pci"),
    says: [`the guest's XML names -r vfio_pci as the driver of ${NIC}, which is no driver for guests`],
  },
  { what: "vfio-pci", guest: model("vfio-pci") },
  { what: "vfio_pci", guest: model("vfio_pci") },
  { what: "a variant", guest: model("mlx5_vfio_pci") },
  { what: "none", guest: { pci: [NIC] } },
]);
