/**
 * What tests of the real system share.
 *
 * @module
 */

import { RealSystem } from "../lib/real-system.ts";

/** The machine with its /box in a temporary folder. */
export class BoxSystem extends RealSystem implements Disposable {
  /** Where that is. */
  readonly folder: string;

  /** Makes the folder. */
  constructor() {
    const folder = Deno.makeTempDirSync();
    super([["/box/", `${folder}/`]]);
    this.folder = folder;
  }

  /** Puts a script into the box; gives its path. */
  script(name: string, text: string): string {
    Deno.writeTextFileSync(`${this.folder}/${name}`, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return `/box/${name}`;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}
