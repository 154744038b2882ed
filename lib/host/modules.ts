/**
 * Which drivers the kernel has, and which it could load.
 *
 * @module
 */

import type { System } from "../system.ts";

/** `loaded`: there is a driver of that name; `available`: its module can be loaded; `missing`: neither. */
export type DriverState = "loaded" | "available" | "missing";

/** Text of one of the running kernel's module lists; empty where it is not there. */
function moduleList(system: System, name: string): string {
  const release = system.read("/proc/sys/kernel/osrelease")?.trim() ?? "";
  return system.read(`/lib/modules/${release}/${name}`) ?? "";
}

/** State of a PCI driver. File names of modules have dashes or underscores, as their authors liked. */
export function driverState(system: System, driver: string): DriverState {
  if (system.info(`/sys/bus/pci/drivers/${driver}`) !== undefined) return "loaded";
  const file = new RegExp(`/${driver.replace(/[^a-z0-9]/gi, "[-_]")}\\.ko`, "m");
  return file.test(moduleList(system, "modules.dep")) ? "available" : "missing";
}

/** Does a pattern of modules.alias (`*`, `?`, `[a-f]`) match a text? */
function matches(pattern: string, text: string): boolean {
  const source = pattern.replace(/[.+^${}()|\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".");
  return new RegExp(`^${source}$`).test(text);
}

/** The variant of vfio-pci that knows a function better than vfio-pci itself; libvirt takes it from 10.0.0 on. */
export function variantsOf(system: System, modaliases: Readonly<Record<string, string>>): Record<string, string> {
  const rows = moduleList(system, "modules.alias").matchAll(/^alias vfio_(pci:\S+) (\S+)$/gm);
  const variants = [...rows].filter(([, , module]) => module !== "vfio_pci");
  return Object.fromEntries(
    Object.entries(modaliases).flatMap(([address, modalias]) => {
      const row = variants.find(([, pattern]) => matches(pattern!, modalias));
      return row ? [[address, row[2]!]] : [];
    }),
  );
}
