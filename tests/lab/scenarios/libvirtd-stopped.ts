import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what:
    "libvirtd is stopped with TERM while a guest is prepared: in the end it runs with its devices, or they are back",
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    const stopped = host.atEntry(guest, "applying", 8, await host.libvirtd(), "TERM");
    await guest.tryStart();
    await stopped;
    await host.idle();
    await host.answers();
    await host.idle();
    const running = await guest.state() === "running";
    assertEquals((await host.journals()).length, running ? 1 : 0);
    assertMatch(await host.driver("gpu"), running ? /^vfio-pci$/ : /^bochs-drm$/);
    if (running) await guest.destroy();
  },
};
