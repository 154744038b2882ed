import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "a device is plugged into a running guest: recovery leaves that guest alone, and all comes back with its end",
  async run(host) {
    const freePort = "<controller type='pci' index='9' model='pcie-root-port'/>";
    const guest = await host.guest(["gpu"], { devices: freePort });
    const other = await host.guest(["nic"]);
    await guest.start();
    await host.must(
      `virsh -q dumpxml ${other.name} | sed -n '/<hostdev/,/<.hostdev>/p' | sed '/<address type/d' >/tmp/nic.xml
virsh -q attach-device ${guest.name} /tmp/nic.xml --live`,
    );
    assertEquals(await host.driver("nic"), "vfio-pci");
    const recover = await host.run("virt-aid recover");
    assertMatch(recover.stdout + recover.stderr, /g1/);
    assertEquals([await guest.state(), await host.driver("gpu"), await host.driver("nic")], [
      "running",
      "vfio-pci",
      "vfio-pci",
    ]);
    assertEquals((await other.tryStart()).code, 1);
    await guest.destroy();
    await host.until("the way back of libvirt's own device", `[ -e /sys/bus/pci/drivers/e1000e/0000:02:00.0 ]`);
  },
};
