/**
 * The rules of this repository that `deno lint` cannot know: imports point one way, nothing sleeps for a fixed time. A new
 * file or folder in lib/ is one entry in LAYERS.
 *
 * @module
 */

/** From the entrypoints down to the machine; a file imports from its own layer and from those below it. */
const LAYERS: readonly (readonly string[])[] = [
  ["hooks/", "virt-aid.ts"],
  ["lib/phases/", "lib/dispatch.ts", "lib/own-program.ts", "lib/scripts.ts", "lib/cli/"],
  [
    "lib/apply.ts",
    "lib/undo.ts",
    "lib/recover.ts",
    "lib/claims.ts",
    "lib/look.ts",
    "lib/guest-lock.ts",
    "lib/history.ts",
    "lib/returned.ts",
  ],
  ["lib/plan.ts", "lib/leave.ts", "lib/leave-scene.ts", "lib/leave-steps.ts", "lib/preflight/", "lib/steps/"],
  ["lib/step.ts", "lib/desktop-step.ts", "lib/journal.ts"],
  ["lib/domain.ts", "lib/hostdev.ts", "lib/config.ts", "lib/config-file.ts", "lib/event.ts"],
  ["lib/host/"],
  [
    "lib/system.ts",
    "lib/real-system.ts",
    "lib/process.ts",
    "lib/errors.ts",
    "lib/log.ts",
    "lib/version.ts",
    "lib/views.ts",
    "lib/xml.ts",
  ],
];

/** What is outside of the layers and yet part of the product: it imports from every layer. */
const ABOVE_ALL_LAYERS: readonly string[] = ["mod.ts"];

/** The packages of the product, and the files that may import them; `undefined`: all. */
const PACKAGES: Readonly<Record<string, readonly string[] | undefined>> = {
  "@std/cli": undefined,
  "@std/fs": undefined,
  "@std/log": ["lib/log.ts"],
  "@std/path": undefined,
  "@std/xml": ["lib/xml.ts"],
};

/** What waits for a time and not for a condition, and the files that make deadlines and polls of it. */
const SLEEPS: readonly string[] = ["setTimeout", "setInterval", "sleep", "sleepSync", "delay"];
const SLEEP_MODULES = /^(jsr:|npm:)?@std\/async(@|\/delay|$)|^node:timers/;
const SLEEP_ALLOWED: readonly string[] = ["lib/real-system.ts", "lib/process.ts"];

const ROOT = new URL("../", import.meta.url);

/** A file's path in the repository. */
function inRepository(file: URL): string {
  return file.href.startsWith(ROOT.href) ? decodeURI(file.href.slice(ROOT.href.length)) : file.href;
}

/** Does an entry of a table stand for the path? */
const covers = (path: string) => (entry: string) => entry.endsWith("/") ? path.startsWith(entry) : path === entry;

/** A path's layer; -1 where it has none. */
function layerOf(path: string): number {
  if (ABOVE_ALL_LAYERS.some(covers(path))) return 0;
  return LAYERS.findIndex((layer) => layer.some(covers(path)));
}

/** Why a file of the product may not import this, if it may not. */
function objection(path: string, specifier: string): string | undefined {
  if (!/^\.{0,2}\//.test(specifier)) {
    const name = specifier.split("/").slice(0, 2).join("/");
    if (!Object.hasOwn(PACKAGES, name)) return `${specifier} is none of the product's packages`;
    const files = PACKAGES[name];
    return files?.includes(path) === false ? `only ${files.join(", ")} may import ${name}` : undefined;
  }
  const target = inRepository(new URL(specifier, new URL(path, ROOT)));
  if (layerOf(target) < 0) return `${target} is no part of the product`;
  if (layerOf(target) < layerOf(path)) return `${target} is in a layer above ${path}`;
}

/** Calls back with every module that a file names: static and dynamic imports, exports, types. */
function onImport(each: (specifier: string, node: Deno.lint.Node) => void): Deno.lint.LintVisitor {
  const look = (node: Deno.lint.Node, source: { value?: unknown } | null) => {
    if (typeof source?.value === "string") each(source.value, node);
  };
  return {
    ImportDeclaration: (node) => look(node, node.source),
    ExportAllDeclaration: (node) => look(node, node.source),
    ExportNamedDeclaration: (node) => look(node, node.source),
    ImportExpression: (node) => look(node, node.source as { value?: unknown }),
    TSImportType: (node) => look(node, (node.argument as { literal?: { value?: unknown } }).literal ?? null),
  };
}

/** The rules. */
const plugin: Deno.lint.Plugin = {
  name: "virt-aid",
  rules: {
    "imports-one-way": {
      create(context) {
        const path = inRepository(new URL(context.filename, "file:///"));
        if (layerOf(path) < 0) {
          if (!path.startsWith("lib/")) return {};
          context.report({ range: [0, 0], message: `${path} has no layer in tools/lint.ts` });
          return {};
        }
        return onImport((specifier, node) => {
          const message = objection(path, specifier);
          if (message) context.report({ node, message });
        });
      },
    },
    "no-fixed-sleep": {
      create(context) {
        if (SLEEP_ALLOWED.includes(inRepository(new URL(context.filename, "file:///")))) return {};
        const complain = (node: Deno.lint.Node, what: string) =>
          context.report({ node, message: `${what} waits for a time`, hint: "wait for a condition, with a deadline" });
        return {
          ...onImport((specifier, node) => {
            if (SLEEP_MODULES.test(specifier)) complain(node, specifier);
          }),
          CallExpression(node) {
            const called = node.callee.type === "MemberExpression" ? node.callee.property : node.callee;
            if (called.type === "Identifier" && SLEEPS.includes(called.name)) complain(node, called.name);
          },
        };
      },
    },
  },
};

export default plugin;
