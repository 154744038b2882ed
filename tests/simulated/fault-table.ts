/**
 * What can go wrong on a machine, by name. A fault stands between whoever asks the host for something and the host, and does
 * to it what a broken driver, another program or a crash would do.
 *
 * @module
 */

import { DESKTOP_FAULTS } from "./desktop-faults.ts";
import { kindOf } from "./drivers.ts";
import { Hung, kernelError } from "./errno.ts";
import { fails, type FaultKind, ignored, type React } from "./fault-kind.ts";
import type { Operation, SimulatedHost } from "./host.ts";

const hangs: React = (_, host, { subject, kind }) => host.pci.hang(host.pci.at(subject), `${kind} of ${subject}`);
const toGuest = ({ driver }: Operation) => driver !== undefined && kindOf(driver) === "vfio";
const toHost = (operation: Operation) => !toGuest(operation);
const under = (folder: string) => ({ subject }: Operation) => subject.startsWith(`${folder}/`);
const isJournal = ({ subject }: Operation) => /^\/run\/virt-aid\/guests\/[^/]*\.json$/.test(subject);
const setting = ({ driver }: Operation) => driver !== "";

const ours = ({ program }: Operation) => program.startsWith("/etc/libvirt/hooks/virt-aid/");
const whilePrepared = (operation: Operation) => isJournal(operation) && operation.program.endsWith("/prepare-begin");
/** Kills every process of that name. */
function killAll(host: SimulatedHost, name: string): void {
  for (const [pid, { spec }] of [...host.processes.all]) if (spec.comm === name) host.processes.kill(pid);
}

/** All of them. */
export const FAULTS: Readonly<Record<string, FaultKind>> = {
  "unbind-fails": {
    description: "the host's driver does not let go: EBUSY",
    on: "unbind",
    where: toHost,
    react: fails("EBUSY"),
  },
  "unbind-ignored": {
    description: "unbind says yes, and the driver stays",
    on: "unbind",
    where: toHost,
    react: ignored,
  },
  "unbind-hangs": {
    description: "the host's driver never answers an unbind",
    on: "unbind",
    where: toHost,
    react: hangs,
  },
  "vfio-unbind-fails": { description: "vfio-pci does not let go", on: "unbind", where: toGuest, react: fails("EBUSY") },
  "vfio-unbind-ignored": {
    description: "vfio-pci says yes to unbind, and stays",
    on: "unbind",
    where: toGuest,
    react: ignored,
  },
  "vfio-unbind-hangs": { description: "vfio-pci never answers an unbind", on: "unbind", where: toGuest, react: hangs },
  "bind-fails": { description: "vfio-pci refuses the function", on: "bind", where: toGuest, react: fails("EIO") },
  "bind-hangs": { description: "vfio-pci never answers a bind", on: "bind", where: toGuest, react: hangs },
  "bind-ignored": {
    description: "a bind to vfio-pci says yes and does nothing",
    on: "bind",
    where: toGuest,
    react: ignored,
  },
  "override-fails": {
    description: "driver_override refuses a driver",
    on: "override",
    where: setting,
    react: fails("EINVAL"),
  },
  "override-ignored": {
    description: "driver_override forgets what is written",
    on: "override",
    where: setting,
    react: ignored,
  },
  "clear-fails": {
    description: "driver_override refuses to be cleared",
    on: "override",
    where: (operation) => !setting(operation),
    react: fails("EINVAL"),
  },
  "modprobe-fails": { description: "a module cannot be loaded", on: "modprobe", react: fails("ENODEV") },
  "modprobe-ignored": { description: "modprobe says yes, and the module is not there", on: "modprobe", react: ignored },
  "modprobe-hangs": {
    description: "modprobe never ends",
    on: "modprobe",
    react: () => {
      throw new Hung("modprobe");
    },
  },
  "rmmod-fails": { description: "a module cannot be unloaded", on: "rmmod", react: fails("EBUSY") },
  "rmmod-ignored": { description: "rmmod says yes, and the module is still there", on: "rmmod", react: ignored },
  "rmmod-torn": {
    description: "rmmod fails, and the module is gone",
    on: "rmmod",
    react: (act) => {
      act();
      throw kernelError("ENODEV");
    },
  },
  "power-fails": { description: "power settings cannot be written", on: "power", react: fails("EIO") },
  "power-ignored": { description: "power settings do not hold", on: "power", react: ignored },
  "wrong-driver": {
    description: "another program gives the function to pci-stub as soon as it is free",
    on: "unbind",
    where: toHost,
    react: (act, host, { subject }) => {
      act();
      const fn = host.pci.at(subject);
      host.pci.register("pci-stub");
      fn.override = "pci-stub";
      host.pci.probe(fn);
    },
  },
  "device-vanishes": {
    description: "the function falls off the bus while it changes hands",
    on: "unbind",
    react: (act, host, { subject }) => {
      act();
      host.pci.drop(host.pci.at(subject));
    },
  },
  "return-fails": {
    description: "the host's driver does not take the function back",
    on: "bind",
    where: toHost,
    react: fails("EIO"),
  },
  "return-needs-reset": {
    description: "the host's driver takes the function back after a reset only",
    on: "bind",
    where: toHost,
    react: (act, host, { subject }) => {
      const fn = host.pci.at(subject);
      if (fn.resetCount === 0 && !fn.rescanned) throw kernelError("EIO");
      act();
    },
  },
  "return-needs-rescan": {
    description: "the host's driver takes the function back after a removal and rescan only",
    on: "bind",
    where: toHost,
    react: (act, host, { subject }) => {
      if (!host.pci.at(subject).rescanned) throw kernelError("EIO");
      act();
    },
  },
  "return-hangs": { description: "the host's driver never answers a bind", on: "bind", where: toHost, react: hangs },
  "reset-fails": { description: "the function cannot be reset", on: "reset", react: fails("EIO") },
  "run-full": { description: "/run is full", on: "save", where: under("/run"), react: fails("ENOSPC") },
  "var-full": { description: "/var is full", on: "save", where: under("/var"), react: fails("ENOSPC") },
  "log-full": { description: "the log cannot be written", on: "append", react: fails("ENOSPC") },
  "journal-unreadable": {
    description: "the journal is damaged after it was written",
    on: "save",
    where: isJournal,
    react: (act, host, { subject }) => {
      act();
      host.tree.file(subject, '{"version": 1, "gue', 0o600);
    },
  },
  "killed-before-journal-write": {
    description: "the program is killed before it writes the journal",
    on: "save",
    where: isJournal,
    react: (_, host, { pid }) => host.processes.kill(pid),
  },
  "killed-after-journal-write": {
    description: "the program is killed when the journal is written",
    on: "save",
    where: isJournal,
    react: (act, host, { pid }) => {
      act();
      host.processes.kill(pid);
    },
  },
  "killed-before-anything": {
    description: "one of our programs is killed before it changes something",
    on: "*",
    where: ours,
    react: (_, host, { pid }) => host.processes.kill(pid),
  },
  "killed-after-anything": {
    description: "one of our programs is killed when it has changed something",
    on: "*",
    where: ours,
    react: (act, host, { pid }) => {
      act();
      host.processes.kill(pid);
    },
  },
  "libvirtd-killed-in-prepare": {
    description: "libvirtd is killed while a guest is prepared",
    on: "save",
    where: whilePrepared,
    react: (act, host) => {
      act();
      killAll(host, "libvirtd");
    },
  },
  "dispatcher-killed-in-prepare": {
    description:
      "the dispatcher is killed while a guest is prepared: libvirt calls release while prepare is still at work",
    on: "save",
    where: whilePrepared,
    react: (act, host) => {
      act();
      killAll(host, "qemu");
    },
  },
  "udev-probes": {
    description: "udev has the function probed again as soon as it is free",
    on: "unbind",
    where: toHost,
    react: (act, host, { subject }) => {
      act();
      host.pci.probe(host.pci.at(subject));
    },
  },
  "poller-opens": {
    description: "a program that looks at the function every second opens it when its override is written",
    on: "override",
    where: setting,
    react: (act, host, { subject }) => {
      act();
      const open = host.pci.at(subject).nodes?.devices.slice(0, 1);
      const poller = host.processes.spawn({ comm: "nvidia-smi", args: ["/usr/bin/nvidia-smi"], open });
      host.after(400, () => host.processes.kill(poller.pid));
    },
  },
  "qemu-fails": { description: "QEMU does not start", on: "qemu", react: fails("EINVAL") },
  ...DESKTOP_FAULTS,
};
