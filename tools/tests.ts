/**
 * `deno task test`: unit tests, property tests, whole programs on the simulated host and the examples of the documentation,
 * anywhere and without root; then the compiled programs under a real libvirtd, as root where there is one. With CI=true
 * a part that cannot run is a failure. Arguments go to `deno test` and `deno bundle`.
 *
 * @module
 */

/** What tests/libvirt runs. */
const LIBVIRT = ["/usr/sbin/libvirtd", "/usr/bin/virsh", "/usr/bin/qemu-system-x86_64"];

/** Runs this same Deno, gives its exit status. */
async function deno(...args: string[]): Promise<number> {
  return (await new Deno.Command(Deno.execPath(), { args }).spawn().status).code;
}

/** Is there such a file? */
function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Runs tests/libvirt; gives the exit status, or why they cannot run here. */
async function libvirt(): Promise<number | string> {
  if (Deno.uid() !== 0) return "needs root";
  const pinned = Deno.readTextFileSync(".dvmrc").trim();
  if (Deno.version.deno !== pinned) {
    return `the programs are compiled with Deno ${pinned}, this is ${Deno.version.deno}`;
  }
  const missing = LIBVIRT.filter((path) => !exists(path));
  if (missing.length > 0) return `there is no ${missing.join(", no ")}`;
  const args = ["--mount", "--pid", "--net", "--fork", "/usr/bin/stat", "/dev/fuse"];
  if (!(await new Deno.Command("/usr/bin/unshare", { args, stdout: "null" }).output()).success) {
    return "needs namespaces and /dev/fuse";
  }
  const compiled = await deno("run", "-q", "-A", "tools/compile.ts", ...Deno.args);
  if (compiled === 2) return "the programs cannot be compiled without Deno's runtime";
  return compiled || await deno("test", "-A", "--parallel", ...Deno.args, "tests/libvirt");
}

// --ignore holds for the first folder that follows it, so that is the one with something to ignore.
const flags = ["-A", "--parallel", "--doc", "--ignore=tests/libvirt,tests/lab"];
const simulated = await deno("test", ...Deno.args, ...flags, "tests", "lib", "mod.ts");
const real = await libvirt();
if (typeof real === "string") console.error(`tests/libvirt skipped: ${real}`);
const failed = typeof real === "string" ? Deno.env.get("CI") === "true" : real !== 0;
Deno.exit(simulated !== 0 || failed ? 1 : 0);
