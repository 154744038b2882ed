/**
 * The kernel's text consoles: the dummy one that is always there, and the one on frame buffers, which comes with the
 * first frame buffer and goes with the last (fbcon_fb_registered() and fbcon_fb_unregistered() in fbcon.c of Linux).
 *
 * @module
 */

import { kernelError } from "./errno.ts";
import type { SimulatedHost } from "./host.ts";
import type { PciFunction } from "./pci-function.ts";
import { asText, File } from "./tree.ts";

const DEVICES = "/sys/devices/virtual/vtconsole";
const CLASS = "/sys/class/vtconsole";
/** Name of the console on frame buffers in sysfs. */
const ON_SCREEN = "vtcon1";

/** The consoles. */
export class Consoles {
  #bound = false;

  /** Makes the dummy console; it has the screen while no other is bound. */
  constructor(readonly host: SimulatedHost) {
    this.#publish("vtcon0", "(S) dummy device", new File(() => this.bound ? "0\n" : "1\n", 0o644, () => {}));
  }

  /** Is the console on frame buffers bound? Its file says so: a test may have put one of its own there. */
  get bound(): boolean {
    const file = this.host.tree.find(`${DEVICES}/${ON_SCREEN}/bind`);
    return file?.kind === "file" && asText(file.data).trim() === "1";
  }

  /** Consoles that are there by their names: bound or not. */
  get all(): Record<string, boolean> {
    const texts = this.host.tree.texts(DEVICES);
    return Object.fromEntries(
      Object.keys(texts).filter((path) => path.endsWith("/name")).map((path) => [
        texts[path]!.trim(),
        texts[path.replace(/name$/, "bind")]!.trim() === "1",
      ]),
    );
  }

  /** Number of the frame buffer that the console is on; undefined where there is none. */
  get #lowest(): number | undefined {
    const names = this.host.tree.folderAt("/sys/class/graphics")?.children.keys() ?? [];
    return [...names].flatMap((name) => /^fb(\d+)$/.exec(name)?.slice(1).map(Number) ?? []).sort((a, b) => a - b)[0];
  }

  /** Frame buffers have come or gone. */
  changed(): void {
    const wanted = this.#lowest !== undefined;
    if (wanted === (this.host.tree.find(`${DEVICES}/${ON_SCREEN}`) !== undefined)) return;
    this.#bound = wanted;
    if (wanted) this.#publish(ON_SCREEN, "(M) frame buffer device", this.#bind());
    else for (const folder of [CLASS, DEVICES]) this.host.tree.drop(`${folder}/${ON_SCREEN}`);
  }

  /** A driver of the host leaves a function: amdgpu with the console on it took a whole host down (docs/vfio.md F7). */
  lost({ address, driver, spec }: PciFunction): void {
    if (driver !== "amdgpu" || spec.drm?.fb === undefined) return;
    if (this.bound && spec.drm.fb === this.#lowest) this.host.harm(`the console was on ${address}`);
  }

  /** `bind` of the console on frame buffers. */
  #bind(): File {
    return new File(() => this.#bound ? "1\n" : "0\n", 0o644, (text) => {
      const word = text.trim();
      if (word !== "0" && word !== "1") throw kernelError("EINVAL");
      this.host.operate("console", "frame buffer device", undefined, () => this.#bound = word === "1");
    });
  }

  #publish(name: string, title: string, bind: File): void {
    const { tree } = this.host;
    tree.file(`${DEVICES}/${name}/name`, `${title}\n`, 0o444);
    tree.put(`${DEVICES}/${name}/bind`, bind);
    tree.sysLink(`${CLASS}/${name}`, `${DEVICES}/${name}`);
  }
}
