import { assertEquals } from "@std/assert";
import plugin from "../tools/lint.ts";

/** What the plugin says about a file of the repository with this text. */
function messages(path: string, text: string): string[] {
  const file = new URL(`../${path}`, import.meta.url).pathname;
  return Deno.lint.runPlugin(plugin, file, text).map((found) => `${found.id}: ${found.message}`);
}

/** Texts of a file, and what is said about them; nothing where it is left out. */
const CASES: readonly [path: string, text: string, said?: string][] = [
  ["hooks/qemu.ts", `import { dispatch } from "../lib/dispatch.ts";`],
  ["hooks/qemu.ts", `import { RealSystem } from "../lib/real-system.ts";`],
  ["lib/steps/bind.ts", `import { read } from "../host/pci.ts";`],
  ["lib/steps/bind.ts", `import type { StepKind } from "../step.ts";`],
  ["lib/steps/mod.ts", `export * from "./bind.ts";`],
  ["mod.ts", `export { prepareBegin } from "./lib/phases/prepare.ts";`],
  ["lib/xml.ts", `import { parse } from "@std/xml/parse";`],
  ["lib/log.ts", `import { Logger } from "@std/log/logger";`],
  ["lib/cli/mod.ts", `import { parseArgs } from "@std/cli/parse-args";`],
  ["tests/plan_test.ts", `import { plan } from "../lib/plan.ts"; import fc from "fast-check"; import "node:fs";`],
  ["lib/plan.ts", `export const steps = [];`],
  [
    "lib/plan.ts",
    `import { apply } from "./apply.ts";`,
    "virt-aid/imports-one-way: lib/apply.ts is in a layer above lib/plan.ts",
  ],
  [
    "lib/host/pci.ts",
    `export * from "../domain.ts";`,
    "virt-aid/imports-one-way: lib/domain.ts is in a layer above lib/host/pci.ts",
  ],
  [
    "lib/system.ts",
    `export type { Step } from "./step.ts";`,
    "virt-aid/imports-one-way: lib/step.ts is in a layer above lib/system.ts",
  ],
  [
    "lib/plan.ts",
    `const { undo } = await import("./undo.ts");`,
    "virt-aid/imports-one-way: lib/undo.ts is in a layer above lib/plan.ts",
  ],
  [
    "lib/plan.ts",
    `let undo: import("./undo.ts").Undo;`,
    "virt-aid/imports-one-way: lib/undo.ts is in a layer above lib/plan.ts",
  ],
  [
    "lib/plan.ts",
    `import { host } from "../tests/simulated/host.ts";`,
    "virt-aid/imports-one-way: tests/simulated/host.ts is no part of the product",
  ],
  [
    "mod.ts",
    `export * from "./tools/lint.ts";`,
    "virt-aid/imports-one-way: tools/lint.ts is no part of the product",
  ],
  [
    "lib/errors.ts",
    `import { main } from "../mod.ts";`,
    "virt-aid/imports-one-way: mod.ts is in a layer above lib/errors.ts",
  ],
  [
    "lib/plan.ts",
    `import { parse } from "@std/xml/parse";`,
    "virt-aid/imports-one-way: only lib/xml.ts may import @std/xml",
  ],
  [
    "hooks/qemu.ts",
    `import { Logger } from "@std/log";`,
    "virt-aid/imports-one-way: only lib/log.ts may import @std/log",
  ],
  [
    "hooks/qemu.ts",
    `import { readFileSync } from "node:fs";`,
    "virt-aid/imports-one-way: node:fs is none of the product's packages",
  ],
  [
    "lib/plan.ts",
    `import { assert } from "@std/assert";`,
    "virt-aid/imports-one-way: @std/assert is none of the product's packages",
  ],
  ["lib/new.ts", `export {};`, "virt-aid/imports-one-way: lib/new.ts has no layer in tools/lint.ts"],

  ["lib/real-system.ts", `setTimeout(() => {}, 10);`],
  ["tests/a_test.ts", `await system.until(() => done, 1000);`],
  ["tests/a_test.ts", `const delay = 5; AbortSignal.timeout(delay);`],
  [
    "tests/a_test.ts",
    `await new Promise((r) => setTimeout(r, 100));`,
    "virt-aid/no-fixed-sleep: setTimeout waits for a time",
  ],
  ["tools/a.ts", `globalThis.setInterval(tick, 5);`, "virt-aid/no-fixed-sleep: setInterval waits for a time"],
  ["tools/a.ts", `await sleep(5);`, "virt-aid/no-fixed-sleep: sleep waits for a time"],
  [
    "tests/a_test.ts",
    `import { delay as rest } from "@std/async/delay";`,
    "virt-aid/no-fixed-sleep: @std/async/delay waits for a time",
  ],
  [
    "tests/a_test.ts",
    `import { setTimeout as rest } from "node:timers/promises";`,
    "virt-aid/no-fixed-sleep: node:timers/promises waits for a time",
  ],
];

for (const [path, text, said] of CASES) {
  Deno.test(`lint: ${path}: ${text}`, () => {
    assertEquals(messages(path, text), said === undefined ? [] : [said]);
  });
}
