/**
 * What takes minutes and is done once: the disk image, and a machine that has booted from it, saved while it runs. Both are
 * kept in folders named after what they are made of.
 *
 * @module
 */

import { type Disks, Emulator } from "./emulator.ts";
import { type Device, DEVICES, machineArguments } from "./hardware.ts";
import { Host } from "./host.ts";
import { makeImage, recipe } from "./recipe.ts";

/** Tells a person what is going on. */
export type Progress = <T>(what: string, work: () => Promise<T>) => Promise<T>;

/** Size of the programs' disk: a machine that goes on from a saved state expects the one that it has seen. */
export const PROGRAMS_DISK = "1G";

/** Runs a program, which has to succeed. */
export async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`${program} ${args.join(" ")}\n${text(stderr)}${text(stdout)}`);
  return text(stdout);
}

/** A disk that holds what is different from another one. */
export async function overlay(on: string, format: "raw" | "qcow2", file: string): Promise<string> {
  await run("qemu-img", "create", "-q", "-f", "qcow2", "-b", on, "-F", format, file);
  return file;
}

/** Gives the folder of this name and key, made if it is not there; those of other keys go. */
async function cached(
  cache: string,
  name: string,
  key: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  const folder = `${cache}/${name}-${new Uint8Array(digest).toHex().slice(0, 16)}`;
  try {
    await Deno.lstat(folder);
    return folder;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await Deno.mkdir(cache, { recursive: true });
  for (const { name: other } of Deno.readDirSync(cache)) {
    if (other.startsWith(`${name}-`)) await run("rm", "-rf", "--one-file-system", `${cache}/${other}`);
  }
  await Deno.mkdir(`${folder}.part`);
  await make(`${folder}.part`);
  await Deno.rename(`${folder}.part`, folder);
  return folder;
}

/** Checks that the machine is the one that hardware.ts describes. */
async function checkHardware(host: Host): Promise<void> {
  const wrong: string[] = [];
  for (const [name, device] of Object.entries<Device>(DEVICES)) {
    const place = `/sys/bus/pci/devices/${device.address}`;
    const seen = await host.must(
      `cat ${place}/class; basename "$(readlink ${place}/driver)"; ls ${place}/iommu_group/devices`,
    );
    const expected = [device.class, device.driver ?? "", ...[device.address, ...device.group ?? []].sort()].join("\n");
    if (seen.trim() !== expected) wrong.push(`${name}: ${JSON.stringify(seen)} instead of ${JSON.stringify(expected)}`);
  }
  if (wrong.length > 0) throw new Error(`the machine is not what hardware.ts says:\n${wrong.join("\n")}`);
}

/** Boots the machine without programs, lets libvirt get to know its QEMU, and saves it. */
async function makeReady(image: string, folder: string): Promise<void> {
  const root = await overlay(`${image}/root.img`, "raw", `${folder}/root.qcow2`);
  const programs = `${folder}/no-programs.qcow2`;
  await run("qemu-img", "create", "-q", "-f", "qcow2", programs, PROGRAMS_DISK);
  const disks = { kernel: image, root, programs };
  await using host = new Host(await Emulator.up(disks, `${folder}/boot`), disks);
  await host.run("systemctl is-system-running --wait");
  await checkHardware(host);
  const guest = await host.guest([]);
  await guest.start();
  await guest.destroy();
  await host.must(`virsh -q undefine ${guest.name}; umount /etc/libvirt/hooks 2>/dev/null || true; sync`);
  await host.emulator.save(`${folder}/state`);
}

/** What machines are made from. */
export interface Ready {
  /** Folder of the image. */
  readonly image: string;
  /** Folder of the machine that has booted. */
  readonly ready: string;
}

/** Makes sure that all of it is there. */
export async function prepareCache(cache: string, progress: Progress): Promise<Ready> {
  const image = await cached(
    cache,
    "image",
    recipe(),
    (folder) =>
      makeImage(folder, (what, ...command) => progress(`image: ${what}`, async () => void await run(...command))),
  );
  const version = await run("qemu-system-x86_64", "--version");
  const key = JSON.stringify([image, machineArguments("", ""), version]);
  const ready = await cached(cache, "ready", key, (folder) => progress("first boot", () => makeReady(image, folder)));
  return { image, ready };
}

/** Disks for a new machine in its own folder. */
export async function newDisks({ image, ready }: Ready, programs: string, folder: string): Promise<Disks> {
  return {
    kernel: image,
    root: await overlay(`${ready}/root.qcow2`, "qcow2", `${folder}/root.qcow2`),
    programs: await overlay(programs, "raw", `${folder}/programs.qcow2`),
  };
}
