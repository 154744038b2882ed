/**
 * What the lab's disk image is made of, and the making of it.
 *
 * @module
 */

/** Files that go into the image; `customize.sh` puts them into their places. */
export const INSIDE = new URL("inside/", import.meta.url).pathname;

/** The distribution. */
const SUITE = "bookworm";
/** What is installed in it. Nothing that they only recommend. */
const PACKAGES = [
  ...["linux-image-amd64", "systemd-sysv", "libpam-systemd", "udev", "dbus", "kmod", "procps", "iproute2", "pciutils"],
  ...["usbutils", "strace", "less", "python3"],
  ...["libvirt-daemon-system", "libvirt-clients", "qemu-system-x86"],
];
/** Size of the disk; it takes only what is written to it. */
const DISK = "8G";

/** Everything that decides what the image is. */
export function recipe(): string {
  const files = [...Deno.readDirSync(INSIDE)].map((entry) => entry.name).sort();
  const texts = files.map((name) => [name, Deno.readTextFileSync(INSIDE + name)]);
  return JSON.stringify([SUITE, PACKAGES, DISK, texts]);
}

/**
 * Makes the image: `root.img`, `vmlinuz` and `initrd.img` in a folder.
 *
 * @param run Runs a program, which has to succeed; the text says what for.
 */
export async function makeImage(
  folder: string,
  run: (what: string, program: string, ...args: string[]) => Promise<void>,
): Promise<void> {
  const root = `${folder}/root`;
  // Its mounts are nobody else's, and end with it however that is: a stray one would survive in a folder that we remove.
  await run(
    "packages",
    ...["unshare", "--mount", "--propagation", "private"],
    ...["mmdebstrap", "--mode=root", "--variant=apt", "--format=directory", `--include=${PACKAGES.join(",")}`],
    `--customize-hook=bash '${INSIDE}customize.sh' "$1"`,
    ...[SUITE, root],
  );
  for (const name of ["vmlinuz", "initrd.img"]) await Deno.copyFile(`${root}/${name}`, `${folder}/${name}`);
  await run("disk", "mke2fs", "-q", "-t", "ext4", "-d", root, `${folder}/root.img`, DISK);
  await run("folder", "rm", "-rf", "--one-file-system", root);
}
