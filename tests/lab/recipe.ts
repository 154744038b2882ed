/**
 * What the lab's disk image is made of, and the making of it.
 *
 * @module
 */

import { removeFolder, runOutside } from "./outside.ts";
import { progress } from "./progress.ts";

/** Files that go into the image; `customize.sh` puts them into their places. */
const INSIDE = new URL("inside/", import.meta.url).pathname;

/** The distribution. */
const SUITE = "bookworm";
/** What is installed in it. Nothing that they only recommend. */
const PACKAGES = [
  ...["linux-image-amd64", "systemd-sysv", "libpam-systemd", "udev", "dbus", "kmod", "procps", "iproute2", "pciutils"],
  ...["usbutils", "strace", "less", "python3"],
  ...["libvirt-daemon-system", "libvirt-clients", "qemu-system-x86"],
  // desktops of each kind; none starts by itself
  ...["xserver-xorg-core", "xinit", "x11-xserver-utils", "xfonts-base", "xdm", "weston"],
];
/** Size of the disk; it takes only what is written to it. */
const DISK = "8G";

/** Everything that decides what the image is: this file, and those of `inside/`. */
export function recipe(): string {
  const names = [...Deno.readDirSync(INSIDE)].map((entry) => entry.name).sort();
  const texts = names.map((name) => [name, Deno.readTextFileSync(INSIDE + name)]);
  return JSON.stringify([Deno.readTextFileSync(new URL(import.meta.url)), texts]);
}

/** Makes the image: `root.img`, `vmlinuz` and `initrd.img` in a folder. */
export async function makeImage(folder: string): Promise<void> {
  const root = `${folder}/root`;
  const run = (what: string, program: string, ...args: string[]) =>
    progress(`image: ${what}`, () => runOutside(program, ...args));
  // Its mounts and processes are nobody else's, and end with us however that is: a stray mount would survive in a
  // folder that we remove.
  await run(
    "packages",
    ...["setpriv", "--pdeathsig", "KILL"],
    ...["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"],
    ...["mmdebstrap", "--mode=root", "--variant=apt", "--format=directory", `--include=${PACKAGES.join(",")}`],
    `--customize-hook=bash '${INSIDE}customize.sh' "$1"`,
    ...[SUITE, root],
  );
  for (const name of ["vmlinuz", "initrd.img"]) await Deno.copyFile(`${root}/${name}`, `${folder}/${name}`);
  await run("disk", "mke2fs", "-q", "-t", "ext4", "-d", root, `${folder}/root.img`, DISK);
  await removeFolder(root);
}
