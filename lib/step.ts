/**
 * What a step is. A plan is a list of these plain values; lib/steps/ holds one file for each kind with its functions, and
 * lib/steps/mod.ts the one table from kind to file.
 *
 * @module
 */

import type {
  EndLogin,
  EndProcess,
  EndSession,
  InhibitSleep,
  Limited,
  MaskUnits,
  StartService,
  StopService,
  WaitUnused,
} from "./desktop-step.ts";
import type { System } from "./system.ts";

export type * from "./desktop-step.ts";

/** Loads a module that the hand-over needs. It stays loaded: another guest or libvirt may use it by then. */
export interface LoadModule {
  /** Discriminant. */
  readonly kind: "load-module";
  /** The module's name, `vfio-pci`. */
  readonly module: string;
}

/** Writes `driver_override` of a function, so that nothing but that driver can take it from then on. */
export interface SetOverride {
  /** Discriminant. */
  readonly kind: "set-override";
  /** The function, `0000:01:00.0`. */
  readonly address: string;
  /** The driver's name. */
  readonly driver: string;
}

/** Takes a function from the driver of the host. */
export interface Unbind {
  /** Discriminant. */
  readonly kind: "unbind";
  /** The function. */
  readonly address: string;
  /** The host's driver that it leaves, and goes back to. */
  readonly driver: string;
  /** That driver's module; undefined where it is part of the kernel. */
  readonly module?: string;
}

/** Gives a function without a driver to a vfio driver. */
export interface Bind {
  /** Discriminant. */
  readonly kind: "bind";
  /** The function. */
  readonly address: string;
  /** `vfio-pci` or a variant of it. */
  readonly driver: string;
}

/**
 * Sets a power setting of a function. `d3cold_allowed` 0 and `power/control` on, from before the host's driver leaves until
 * it is back: a card that slept in between may not wake up (docs/vfio.md F16). vfio-pci allows sleep again when it takes a
 * function, so the second one is set twice.
 */
export interface SetPower {
  /** Discriminant. */
  readonly kind: "set-power";
  /** The function. */
  readonly address: string;
  /** The attribute. */
  readonly attribute: "d3cold_allowed" | "power/control";
  /** What it is to say. */
  readonly value: string;
  /** Set before, and changed by vfio-pci since: the undo of the first one restores what was before both. */
  readonly again?: true;
}

/** Looks at the whole hand-over once more before the guest gets it. */
export interface Verify {
  /** Discriminant. */
  readonly kind: "verify";
  /** The function. */
  readonly address: string;
  /** The driver that it has to be on. */
  readonly driver: string;
}

/** Unloads a module that keeps its cards while it is loaded. */
export interface UnloadModule extends Limited {
  /** Discriminant. */
  readonly kind: "unload-module";
  /** The module's name, `nvidia_drm`. */
  readonly module: string;
  /**
   * Its cards, all of them: with the last of its modules they are without a driver, and come home before it is back.
   * Journals of the version before have none.
   */
  readonly functions?: readonly Unbind[];
}

/** Keeps modules from being loaded: rules of udev try to as long as a card has not got them (docs/vfio.md M2). */
export interface BlockModules {
  /** Discriminant. */
  readonly kind: "block-modules";
  /** The driver that they belong to. */
  readonly driver: string;
  /** Their names. */
  readonly modules: readonly string[];
}

/** Takes the text console off the frame buffers: under it no driver lets go of a screen (docs/vfio.md 4.2, F7). */
export interface UnbindConsole {
  /** Discriminant. */
  readonly kind: "unbind-console";
  /** What the kernel calls it, `frame buffer device`: its number differs from host to host, and from time to time. */
  readonly console: string;
}

/** Takes a frame buffer of the firmware from its driver: it keeps a card's memory reserved (docs/vfio.md 4.3, F9). */
export interface UnbindFirmware {
  /** Discriminant. */
  readonly kind: "unbind-firmware";
  /** The platform device, `simple-framebuffer.0`. */
  readonly device: string;
}

/** Remembers what a display function showed; its undo looks whether all of that is back. */
export interface RememberDisplay {
  /** Discriminant. */
  readonly kind: "remember-display";
  /** The function. */
  readonly address: string;
}

/** One step of a hand-over, plain data. */
export type Step =
  | LoadModule
  | InhibitSleep
  | UnloadModule
  | BlockModules
  | MaskUnits
  | StopService
  | StartService
  | EndSession
  | EndLogin
  | EndProcess
  | WaitUnused
  | RememberDisplay
  | UnbindConsole
  | UnbindFirmware
  | SetOverride
  | Unbind
  | Bind
  | SetPower
  | Verify;

/** What `look` saw before the step: goes into the journal, and is all that `undo` has to go by. */
export interface Before {
  /** It is already as the step would make it: the step is skipped, and never undone. */
  readonly already: boolean;
  /** More that the kind of step wants to know at its undo. */
  readonly [key: string]: string | number | boolean | null;
}

/** The four functions of a kind of step, and what it touches. */
export interface StepKind<S extends Step> {
  /** One line for people. */
  describe(step: S): string;
  /** The PCI functions that the step touches; a function that hung is not touched again. */
  addresses?(step: S): readonly string[];
  /** Name of the thing that several guests share; the last guest that has it undoes the step. */
  shared?(step: S): string;
  /** The state now. Only looks. */
  look(system: System, step: S): Before;
  /**
   * Does it within `timeoutMs`, reads back what it wrote, throws if that does not hold; gives a line for people where the
   * guest can do without.
   */
  apply(system: System, step: S, before: Before, timeoutMs: number): Promise<string | void> | string | void;
  /**
   * Takes it back. May be called twice, or for a step that a kill kept from happening. Throws if that does not hold; gives
   * a line for people where something is worth knowing that no further undo would change.
   */
  undo(system: System, step: S, before: Before, timeoutMs: number): Promise<string | void> | string | void;
}
