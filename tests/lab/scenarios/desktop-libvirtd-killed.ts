import { assertEquals } from "@std/assert";
import { setUp } from "../desktop-life.ts";
import { DESKTOPS, untilShown } from "../desktops.ts";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "libvirtd and QEMU are killed while the desktop is away: it comes back when libvirtd starts again",
  leaves: [/starts of libvirtd/],
  async run(host) {
    await setUp(host, DESKTOPS.xdm);
    const guest = await host.guest(["primary"]);
    await guest.start();
    const libvirtd = await host.libvirtd();
    await host.must(`kill -9 ${libvirtd} ${await guest.pid()}`);
    await host.answers(libvirtd);
    await host.takenBack(guest);
    await untilShown(host, DESKTOPS.xdm, "after");
    assertEquals(await host.drivers("primary"), ["bochs-drm"]);
  },
};
