/**
 * The library of virt-aid: reads a guest's XML and the host, plans the hand-over of the guest's PCI devices as plain data,
 * applies such a plan with a journal, and takes it back.
 *
 * @example What would a start do?
 * ```ts
 * import { DEFAULT_CONFIG, type Host, parseDomain, planStart } from "./mod.ts";
 *
 * const domain = parseDomain(`<domain><name>win11</name><uuid>8a5a0f0e-1d3c-4a7e-9a53-3d1f6f0f7a11</uuid></domain>`);
 * const host: Host = {
 *   iommu: true, functions: {}, drivers: {}, variants: {}, holders: [], displays: [], disks: [], routes: [],
 *   keyboards: [], usb: [], files: {}, networks: [], claims: {},
 *   memory: { availableKiB: 0, defaultPageKiB: 2048, hugeKiB: {} },
 * };
 * const plan = planStart(domain, DEFAULT_CONFIG, host);
 * console.log(plan.steps, plan.refusals);
 * ```
 *
 * @module
 */

export type { Allow, Config, DesktopPolicy, ExpectedDevice, GuestConfig, GuestPolicy } from "./lib/config.ts";
export { configFor, DEFAULT_CONFIG } from "./lib/config.ts";
export { parseConfig, readConfig } from "./lib/config-file.ts";
export type * from "./lib/domain.ts";
export { parseDomain } from "./lib/domain.ts";
export { AidError, report } from "./lib/errors.ts";
export type { Desktop } from "./lib/host/desktop.ts";
export type { Display } from "./lib/host/display.ts";
export type { FileState } from "./lib/host/files.ts";
export type { Holder } from "./lib/host/holders.ts";
export type { InitName, Unit, UnitUser } from "./lib/host/inits/init.ts";
export type { Relations } from "./lib/host/inits/systemd.ts";
export type { Session } from "./lib/host/logind.ts";
export type { Memory } from "./lib/host/memory.ts";
export type { Host, Question } from "./lib/host/mod.ts";
export { readHost } from "./lib/host/mod.ts";
export type { DriverState } from "./lib/host/modules.ts";
export type { Owner } from "./lib/host/owners.ts";
export type { PciFunction } from "./lib/host/pci.ts";
export type { UsbDevice } from "./lib/host/usb.ts";
export type { Use } from "./lib/host/uses.ts";
export type { Daemon, Entry, EntryState, Journal } from "./lib/journal.ts";
export type { Plan } from "./lib/plan.ts";
export { planStart, questionFor } from "./lib/plan.ts";
export type { Finding } from "./lib/preflight/finding.ts";
export type * from "./lib/step.ts";
export { describe } from "./lib/steps/mod.ts";
export type { Command, CommandResult, FileInfo, Lock, System } from "./lib/system.ts";
