/**
 * What is special about the drivers of display functions. All that is known of them is in this table.
 *
 * @module
 */

/** A driver of display functions. */
export interface GpuDriver {
  /** Nodes that all of its cards share. Who has one open may use any of them. */
  readonly shared?: RegExp;
  /** Services that hold its cards, or come back to them (docs/vfio.md F11). */
  readonly services: readonly string[];
  /**
   * Modules that have to go before the function can, in this order, with the one that it is bound by as the last. Without
   * it the function is unbound while its module stays: those drivers allow that, and some never let go of their module
   * (docs/vfio.md M7).
   */
  readonly unload?: readonly string[];
}

/** By the driver's name. */
export const GPU_DRIVERS: Readonly<Record<string, GpuDriver>> = {
  nvidia: {
    shared: /^\/dev\/(nvidiactl|nvidia-modeset|nvidia-uvm|nvidia-uvm-tools|nvidia-caps\/.*)$/,
    services: ["nvidia-persistenced.service", "nvidia-powerd.service", "lactd.service"],
    unload: ["nvidia_uvm", "nvidia_drm", "nvidia_modeset", "nvidia_peermem", "nvidia"],
  },
  amdgpu: { shared: /^\/dev\/kfd$/, services: ["lactd.service"] },
  radeon: { services: [] },
  i915: { services: ["lactd.service"] },
  xe: { services: ["lactd.service"] },
  nouveau: { services: [] },
};

/** Services of all of them. */
export const GPU_SERVICES: readonly string[] = [...new Set(Object.values(GPU_DRIVERS).flatMap((row) => row.services))];
