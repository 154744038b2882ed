import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "libvirtd is killed while it waits for the started hook: the guest keeps its devices, or they come back",
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    await host.script(`qemu.d/${guest.name}/started/begin`, "kill -9 $(cat /run/libvirtd.pid)");
    assertEquals((await guest.tryStart()).code, 1);
    await host.answers();
    await host.idle();
    const running = await guest.state() === "running";
    assertEquals((await host.journals()).length, running ? 1 : 0);
    assertMatch(await host.driver("gpu"), running ? /^vfio-pci$/ : /^bochs-drm$/);
    if (running) await guest.destroy();
    await host.idle();
    assertEquals(await host.journals(), []);
  },
};
