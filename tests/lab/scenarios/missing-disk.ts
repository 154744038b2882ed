import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "a guest whose disk image is missing is refused, and nothing is touched",
  async run(host) {
    const disk =
      `<disk type='file' device='disk'><source file='/var/lib/libvirt/images/no.img'/><target dev='vda'/></disk>`;
    const guest = await host.guest(["gpu"], { devices: disk });
    const events = await host.deviceEvents();
    const { code, stderr } = await guest.tryStart();
    assertEquals(code, 1);
    assertMatch(stderr, /\/var\/lib\/libvirt\/images\/no\.img/);
    assertEquals(await host.deviceEvents(), events, "a device was touched");
    assertEquals([await host.outcomes(), await host.journals()], [["refused"], []]);
    assertEquals(await host.drivers("gpu"), ["bochs-drm"]);
  },
};
