import { assertEquals } from "@std/assert";
import { ownerIn, ownerName } from "../../lib/host/owners.ts";

const user = "/user.slice/user-1000.slice";
/** Paths as systemd 252 and elogind 246 have them, and what they are called for people. */
const TABLE: readonly (readonly [text: string, name: string])[] = [
  [`0::${user}/session-2.scope`, "session 2"],
  [`0::${user}/session-c1.scope`, "session c1"],
  [
    `0::${user}/user@1000.service/session.slice/org.gnome.Shell@wayland.service`,
    "org.gnome.Shell@wayland.service of user 1000",
  ],
  [
    `0::${user}/user@1000.service/app.slice/app-org.kde.konsole-5f3a.scope`,
    "app-org.kde.konsole-5f3a.scope of user 1000",
  ],
  [`0::${user}/user@1000.service/session.slice/pipewire.service`, "pipewire.service of user 1000"],
  [`0::${user}/user@1000.service/init.scope`, "init.scope of user 1000"],
  [`0::/system.slice/gdm.service`, "gdm.service"],
  [`0::/system.slice/seatd.service`, "seatd.service"],
  [`0::/system.slice/system-getty.slice/getty@tty1.service`, "getty@tty1.service"],
  [`0::/system.slice/docker.service/payload`, "docker.service"],
  [`0::/machine.slice/machine-qemu\\x2d1\\x2dwin11.scope/libvirt/emulator`, "a guest"],
  ["0::/machine/qemu-2-linux.libvirt-qemu/emulator", "a guest"],
  ["0::/production.partition/qemu-2-linux.libvirt-qemu", "a guest"],
  ["2:cpu:/machine/qemu-2-linux.libvirt-qemu/vcpu0\n1:name=openrc:/libvirtd\n0::/", "a guest"],
  ["2:cpu:/machine/lxc-7-box.libvirt-lxc\n1:name=elogind:/\n0::/", "a guest"],
  ["0::/openrc.libvirtd", "libvirtd"],
  [`12:devices:/\n1:name=systemd:${user}/session-7.scope\n0::${user}/session-7.scope`, "session 7"],
  [`1:name=elogind:/c2\n0::/c2`, "session c2"],
  [`1:name=elogind:/\n0::/`, "no session and no service"],
  ["0::/init.scope", "init.scope"],
  [`0::/`, "no session and no service"],
  ["", "no session and no service"],
];

for (const [text, name] of TABLE) {
  Deno.test(`owner: ${JSON.stringify(text)} is ${name}`, () => {
    assertEquals(ownerName(ownerIn(`${text}\n`)), name);
  });
}
