/**
 * Prints the flag that maps the `@std` packages to npm where JSR, from which deno.json takes them, is out of reach, and
 * nothing where it is not. VIRT_AID_IMPORTS=jsr or npm decides by hand.
 *
 * @module
 */

/** The smallest module of them all, at the version that deno.json pins: once fetched, it comes from Deno's cache. */
const PROBE = "jsr:@std/log@0.224.14/levels";
/** A network that drops packets must not hold up every task. */
const PATIENCE_MS = 1500;

/** Can Deno load a package from JSR, with the proxy and the certificates that it has? */
function jsr(): Promise<boolean> {
  const late = new Promise<boolean>((resolve) =>
    AbortSignal.timeout(PATIENCE_MS).addEventListener("abort", () => resolve(false))
  );
  return Promise.race([import(PROBE).then(() => true, () => false), late]);
}

const chosen = Deno.env.get("VIRT_AID_IMPORTS") || (await jsr() ? "jsr" : "npm");
if (chosen !== "jsr" && chosen !== "npm") {
  console.error(`VIRT_AID_IMPORTS is jsr or npm, not ${chosen}`);
  Deno.exit(1);
}
if (chosen === "npm") console.log("--import-map=.ci/std-from-npm/import_map.json");
Deno.exit(0); // a fetch that nobody waits for any more would keep the process
