import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "a device is plugged into a running guest: recovery leaves that guest alone, and all comes back after a crash",
  leaves: [/starts of libvirtd/],
  async run(host) {
    const freePort = "<controller type='pci' index='9' model='pcie-root-port'/>";
    const guest = await host.guest(["gpu"], { devices: freePort });
    const other = await host.guest(["nic"]);
    await guest.start();
    await host.must(
      `virsh -q dumpxml ${other.name} | sed -n '/<hostdev/,/<.hostdev>/p' | sed '/<address type/d' >/tmp/nic.xml
virsh -q attach-device ${guest.name} /tmp/nic.xml --live`,
    );
    assertEquals(await host.drivers("nic"), ["vfio-pci"]);
    const { code, stdout } = await host.run("virt-aid recover");
    assertEquals(code, 0);
    assertMatch(stdout, /g1: left: it is running/);
    assertEquals(await guest.state(), "running");
    assertEquals(await host.drivers("gpu", "nic"), ["vfio-pci", "vfio-pci"]);
    assertEquals((await other.tryStart()).code, 1);
    const libvirtd = await host.libvirtd();
    await host.must(`kill -9 ${libvirtd} ${await guest.pid()}`); // nobody is left who knows of both
    await host.answers(libvirtd);
    await host.idle();
    await host.run("virt-aid recover");
    await host.until("the way back of libvirt's own device", `[ -e /sys/bus/pci/drivers/e1000e/0000:02:00.0 ]`);
  },
};
