/** What the product uses of `@std/fs`, over Deno's own calls. */

/** Makes a folder and those above it; it may exist. */
export async function ensureDir(dir: string | URL): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
}

/** The same, synchronously. */
export function ensureDirSync(dir: string | URL): void {
  Deno.mkdirSync(dir, { recursive: true });
}
