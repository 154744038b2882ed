/**
 * What takes minutes and is done once: the disk image, and a machine that has booted from it, saved while it runs. Both
 * are kept in folders named after what they are made of; the second is in the first, without which it is nothing.
 *
 * @module
 */

import { timer } from "../../lib/process.ts";
import { checkHardware } from "./check-hardware.ts";
import { type Disks, Emulator, emulatorArguments } from "./emulator.ts";
import { Host } from "./host.ts";
import { overlayDisk, removeFolder, runOutside } from "./outside.ts";
import { progress } from "./progress.ts";
import { makeImage, recipe } from "./recipe.ts";

/** Size of the programs' disk: a machine that goes on from a saved state expects the one that it has seen. */
export const PROGRAMS_DISK = "1G";

/** The files that decide, beside QEMU and its arguments, what a machine that has booted is. */
const FIRST_BOOT = ["cache.ts", "check-hardware.ts"];

/** Gives the folder of this name and key, made if it is not there; then those of other keys go. */
async function cached(
  parent: string,
  name: string,
  key: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  const folder = `${parent}/${name}-${new Uint8Array(digest).toHex().slice(0, 16)}`;
  try {
    await Deno.lstat(folder);
    return folder;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const part = `${folder}.part`;
  await removeFolder(part); // of a lab that was killed
  try {
    await Deno.mkdir(part);
    await make(part);
    await Deno.rename(part, folder);
  } finally {
    await removeFolder(part);
  }
  for (const other of [...Deno.readDirSync(parent)].map((entry) => `${parent}/${entry.name}`)) {
    if (other.startsWith(`${parent}/${name}-`) && other !== folder) await removeFolder(other);
  }
  return folder;
}

/** Boots the machine without programs, lets libvirt get to know its QEMU, and saves it. */
async function boot(image: string, folder: string): Promise<void> {
  const root = await overlayDisk(`${image}/root.img`, "raw", `${folder}/root.qcow2`);
  const programs = `${folder}/no-programs.qcow2`;
  await runOutside("qemu-img", "create", "-q", "-f", "qcow2", programs, PROGRAMS_DISK);
  const disks = { kernel: image, root, programs };
  const sockets = await Deno.makeTempDir({ prefix: "lab-" }); // their paths may not be long, those of a cache are
  await using host = new Host(await Emulator.up(disks, sockets), disks);
  await host.run("systemctl is-system-running --wait");
  await checkHardware(host);
  const guest = await host.guest([]);
  await guest.start();
  await guest.destroy();
  await host.must(`virsh -q undefine ${guest.name}; umount /etc/libvirt/hooks 2>/dev/null || true; sync`);
  await host.emulator.save(`${folder}/state`);
  await removeFolder(sockets);
}

/** What machines are made from. */
export interface Ready {
  /** Folder of the image. */
  readonly image: string;
  /** Folder of the machine that has booted. */
  readonly booted: string;
}

/** Takes the lock of the cache, which goes with the file or with us. */
async function lock(cache: string): Promise<Deno.FsFile> {
  await Deno.mkdir(cache, { recursive: true });
  const file = await Deno.open(`${cache}/lock`, { create: true, write: true });
  const second = timer(1000);
  second.up.then(() => console.log("...   another lab is building"));
  await file.lock(true);
  second.clear();
  return file;
}

/** Makes sure that all of it is there. */
export async function prepareCache(cache: string): Promise<Ready> {
  using _lock = await lock(cache);
  const image = await cached(cache, "image", recipe(), makeImage);
  const texts = FIRST_BOOT.map((name) => Deno.readTextFileSync(new URL(name, import.meta.url)));
  const version = await runOutside("qemu-system-x86_64", "--version");
  const key = JSON.stringify([emulatorArguments({ kernel: "", root: "", programs: "" }, ""), version, texts]);
  const booted = await cached(image, "booted", key, (folder) => progress("first boot", () => boot(image, folder)));
  return { image, booted };
}

/** Disks for a new machine in its own folder. */
export async function newDisks({ image, booted }: Ready, programs: string, folder: string): Promise<Disks> {
  return {
    kernel: image,
    root: await overlayDisk(`${booted}/root.qcow2`, "qcow2", `${folder}/root.qcow2`),
    programs: await overlayDisk(programs, "raw", `${folder}/programs.qcow2`),
  };
}
