/**
 * Programs that run on this machine, outside the emulated one.
 *
 * @module
 */

/** Runs a program, which has to succeed; gives what it prints. */
export async function runOutside(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`${program} ${args.join(" ")}\n${text(stderr)}${text(stdout)}`);
  return text(stdout);
}

/** Makes a disk that holds only what is different from another one; gives its file. */
export async function overlayDisk(on: string, format: "raw" | "qcow2", file: string): Promise<string> {
  await runOutside("qemu-img", "create", "-q", "-f", "qcow2", "-b", on, "-F", format, file);
  return file;
}

/** Removes a folder with everything in it, if it is there; not what is mounted there. */
export async function removeFolder(folder: string): Promise<void> {
  await runOutside("rm", "-rf", "--one-file-system", folder);
}
