/**
 * The files through which programs work with the PCI bus: folders of functions, drivers and buses in sysfs.
 *
 * @module
 */

import { ATTRIBUTES, POWER } from "./attributes.ts";
import { kernelError } from "./errno.ts";
import type { PciBus } from "./pci.ts";
import type { PciFunction } from "./pci-function.ts";
import { File, type Folder } from "./tree.ts";

const BUS = "/sys/bus/pci";

/** A file that is only written to. */
function control(folder: Folder, name: string, store: (text: string) => void): void {
  folder.children.set(name, new File("", 0o200, store));
}

/** What `reset`-like files take: any number but 0. */
function whenSet(act: () => void): (text: string) => void {
  return (text) => {
    if (!/^\s*[0-9]+\s*$/.test(text)) throw kernelError("EINVAL");
    if (Number(text) !== 0) act();
  };
}

/** The function that a text names, as a file of a driver wants it; it answers ENODEV itself where there is none. */
function named(bus: PciBus, text: string): PciFunction {
  const fn = bus.functions.get(text.trim());
  if (!fn) throw kernelError("ENODEV");
  return fn;
}

/** The files of the bus itself. */
export function publishBus(bus: PciBus): void {
  const folder = bus.host.tree.folder(BUS);
  bus.host.tree.folder(`${BUS}/devices`);
  bus.host.tree.folder(`${BUS}/drivers`);
  // It never says that no driver wanted the function: bus_rescan_devices_helper() keeps that to itself.
  control(folder, "drivers_probe", (text) => bus.probe(named(bus, text)));
  const rescan = () => [undefined, ...bus.functions.keys()].forEach((bridge) => bus.rescan(bridge));
  control(folder, "rescan", whenSet(rescan));
}

/** Where a function's folder is: below its bridge, or below its root. */
export function pathOf(bus: PciBus, address: string, above: string | undefined): string {
  if (above !== undefined) return `${bus.at(above).path}/${address}`;
  return `/sys/devices/pci${address.slice(0, 7)}/${address}`;
}

/** The files of a function. */
export function publishFunction(bus: PciBus, fn: PciFunction): void {
  const { tree } = bus.host;
  const { spec, path, address } = fn;
  const folder = tree.folder(path);
  for (const [node, table] of [[folder, ATTRIBUTES], [tree.folder(`${path}/power`), POWER]] as const) {
    for (const name in table) {
      const { mode, read, write, has } = table[name]!;
      if (has?.(fn) === false) continue;
      const store = write && ((text: string) => write(fn, text, bus));
      node.children.set(name, new File(read ? () => read(fn, bus) : "", mode, store));
    }
  }
  tree.sysLink(`${path}/subsystem`, BUS);
  tree.sysLink(`${BUS}/devices/${address}`, path);
  if (spec.group !== undefined && bus.host.machine.iommu) {
    const group = `/sys/kernel/iommu_groups/${spec.group}`;
    tree.sysLink(`${group}/devices/${address}`, path);
    tree.sysLink(`${path}/iommu_group`, group);
  }
  if (spec.physfn !== undefined) {
    const parent = bus.at(spec.physfn);
    tree.sysLink(`${path}/physfn`, parent.path);
    tree.sysLink(`${parent.path}/virtfn${parent.vfs.findIndex((vf) => vf.address === address)}`, path);
  }
  const number = address.slice(0, 7);
  const parent = path.slice(0, path.lastIndexOf("/"));
  if (tree.find(`/sys/class/pci_bus/${number}`, false) || spec.physfn !== undefined) return;
  control(tree.folder(`${parent}/pci_bus/${number}`), "rescan", whenSet(() => bus.rescan(spec.above)));
  tree.sysLink(`/sys/class/pci_bus/${number}`, `${parent}/pci_bus/${number}`);
}

/** Takes the files of a function away. */
export function unpublishFunction(bus: PciBus, fn: PciFunction): void {
  const { tree } = bus.host;
  const paths = [
    fn.path,
    `${BUS}/devices/${fn.address}`,
    `/sys/kernel/iommu_groups/${fn.spec.group}/devices/${fn.address}`,
  ];
  for (const path of paths) tree.drop(path);
  const below = bus.belowOf(fn.address)[0] ?? [...bus.gone.values()].find((spec) => spec.above === fn.address);
  if (fn.bridge && below) tree.drop(`/sys/class/pci_bus/${below.address.slice(0, 7)}`);
  const parent = fn.spec.physfn === undefined ? undefined : bus.functions.get(fn.spec.physfn);
  if (parent) tree.drop(`${parent.path}/virtfn${parent.vfs.findIndex((vf) => vf.address === fn.address)}`);
}

/** The files of a driver. */
export function publishDriver(bus: PciBus, name: string, module: string | undefined): void {
  const { tree } = bus.host;
  const path = `${BUS}/drivers/${name}`;
  const folder = tree.folder(path);
  control(folder, "bind", (text) => {
    const fn = named(bus, text);
    bus.locked(fn);
    if (!bus.matches(fn, name)) throw kernelError("ENODEV");
    if (fn.driver !== undefined) throw kernelError("EBUSY");
    bus.bind(fn, name);
  });
  control(folder, "unbind", (text) => {
    const fn = named(bus, text);
    if (fn.driver !== name) throw kernelError("ENODEV");
    bus.unbind(fn);
  });
  control(folder, "new_id", (text) => {
    const [vendor, device] = text.trim().toLowerCase().split(/\s+/);
    if (device === undefined) throw kernelError("EINVAL");
    bus.drivers.get(name)!.ids.add(`${vendor} ${device}`);
    bus.offerAll(name);
  });
  if (module === undefined) return;
  tree.sysLink(`${path}/module`, `/sys/module/${module}`);
  tree.sysLink(`/sys/module/${module}/drivers/pci:${name}`, path);
}

/** The links between a function and the driver that it is on. */
export function publishBinding(bus: PciBus, fn: PciFunction, name: string): void {
  const { tree } = bus.host;
  tree.sysLink(`${fn.path}/driver`, `${BUS}/drivers/${name}`);
  tree.sysLink(`${BUS}/drivers/${name}/${fn.address}`, fn.path);
}

/** Takes them away. */
export function unpublishBinding(bus: PciBus, fn: PciFunction, name: string): void {
  bus.host.tree.drop(`${fn.path}/driver`);
  bus.host.tree.drop(`${BUS}/drivers/${name}/${fn.address}`);
}

/** The node of a group, which is there while a function of it is on a vfio driver. */
export function publishGroup(bus: PciBus, group: number, there: boolean): void {
  const { tree } = bus.host;
  const path = `/sys/devices/virtual/vfio/${group}`;
  if (there === (tree.find(path) !== undefined)) return;
  if (there) {
    tree.file(`${path}/dev`, `242:${group}\n`);
    tree.sysLink(`/sys/class/vfio/${group}`, path);
    bus.host.device(`/dev/vfio/${group}`, 242, group);
  } else {
    for (const gone of [path, `/sys/class/vfio/${group}`, `/dev/vfio/${group}`]) tree.drop(gone);
  }
}
