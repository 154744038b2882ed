import { assertEquals } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "libvirtd is stopped with TERM while a guest is prepared: it waits, and the guest runs on with its devices",
  async run(host) {
    const guest = await host.guest(["gpu", "nic"]);
    const libvirtd = await host.libvirtd();
    const at = await host.atEntry(guest, "applying", 8, "TERM", libvirtd);
    await guest.tryStart();
    await at.seen;
    await host.until("libvirtd's end", `! kill -0 ${libvirtd}`);
    await host.answers(libvirtd);
    await host.idle();
    assertEquals(await guest.state(), "running");
    assertEquals(await host.drivers("gpu", "nic"), ["vfio-pci", "vfio-pci"]);
    await guest.destroy();
    assertEquals(await host.outcomes(), ["returned"]);
  },
};
