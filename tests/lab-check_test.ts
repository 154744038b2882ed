// What the lab's look after a scenario has to notice.

import { assertEquals } from "@std/assert";
import { after, before } from "./lab/check.ts";
import type { Host } from "./lab/host.ts";

/** What the scripts in the machine print. */
interface Prints {
  state?: string[];
  kernel?: string[];
  left?: string[];
  boot?: string;
}

const HOME = "0000:01:00.0 driver: bochs-drm";
const BOOT = "pcieport 0000:00:11.0: link 1 is slow";

/** A host of which only its answers are known. */
function answering({ state = [HOME], kernel = [BOOT], left = ["looked"], boot = "first" }: Prints = {}): Host {
  const lines = (script: string) =>
    script.includes("state.sh")
      ? state
      : script.includes("kernel.sh")
      ? kernel
      : script.includes("left.sh")
      ? left
      : [boot];
  const must = (script: string) => Promise.resolve(lines(script).map((line) => `${line}\n`).join(""));
  return {
    must,
    run: async (script: string) => ({ code: 0, stdout: await must(script), stderr: "" }),
  } as unknown as Host;
}

const CASES: readonly [what: string, then: Prints, found: readonly string[]][] = [
  ["nothing", {}, []],
  ["another driver", { state: ["0000:01:00.0 driver: vfio-pci"] }, [
    `was: ${HOME}`,
    "is: 0000:01:00.0 driver: vfio-pci",
  ]],
  ["a function that is gone", { state: [] }, [`was: ${HOME}`]],
  ["a journal", { left: ["left: /run/virt-aid/guests/1.json", "looked"] }, ["left: /run/virt-aid/guests/1.json"]],
  ["a look that broke off", { left: [] }, ["nobody could look for what is left"]],
  ["a warning that the boot had too", { kernel: [BOOT, BOOT] }, [`kernel: ${BOOT}`]],
  ["a clock that is late", { kernel: [BOOT, "clocksource: timekeeping watchdog"] }, []],
  ["the same warnings after another boot", { kernel: ["pcieport 0000:00:12.0: link 2 is slow"], boot: "second" }, []],
  ["another warning after another boot", { kernel: ["BUG: oops"], boot: "second" }, ["kernel: BUG: oops"]],
];

for (const [what, then, found] of CASES) {
  Deno.test(`the lab's look afterwards: ${what}`, async () => {
    assertEquals(await after(answering(then), await before(answering())), found);
  });
}
