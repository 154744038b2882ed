import { assertEquals, assertStringIncludes } from "@std/assert";
import { setUp } from "../desktop-life.ts";
import { DESKTOPS, untilShown } from "../desktops.ts";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "QEMU does not start when the desktop has gone: the desktop comes back by itself, and knows why",
  async run(host) {
    await setUp(host, DESKTOPS.startx);
    const guest = await host.guest(["primary"], { emulator: ["-device", "no-such-device"] });
    const pid = (await host.must("pgrep -x Xorg")).trim();
    assertEquals((await guest.tryStart()).code, 1);
    await host.idle();
    await untilShown(host, DESKTOPS.startx, "after");
    assertEquals((await host.must("pgrep -x Xorg")).trim() === pid, false, "it was away");
    assertEquals([await host.drivers("primary"), await host.outcomes(), await host.journals()], [
      ["bochs-drm"],
      ["returned"],
      [],
    ]);
    const why = `failed: nothing says that the guest came up; /var/log/libvirt/qemu/${guest.name}.log may say why`;
    assertStringIncludes(await host.must("virt-aid recover"), why);
  },
};
