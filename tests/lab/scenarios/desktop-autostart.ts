import { assertEquals } from "@std/assert";
import { DESKTOPS, untilShown } from "../desktops.ts";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "a guest takes the card at boot while the display manager is still starting, and gives it to that at its end",
  async run(host) {
    const guest = await host.guest(["primary"]);
    await host.must(`virsh -q autostart ${guest.name}
systemctl set-default graphical.target
install -D -m 0644 /dev/stdin /etc/systemd/system/xdm.service.d/later.conf <<'CONF'
[Unit]
After=multi-user.target
CONF`);
    await host.reboot();
    await host.answers();
    await host.until("the guest", `[ "$(virsh -q domstate ${guest.name})" = running ]`);
    assertEquals([await host.drivers("primary"), (await host.run("pgrep -x Xorg")).code], [["vfio-pci"], 1]);
    await guest.destroy();
    await untilShown(host, DESKTOPS.xdm, "after");
    assertEquals([await host.drivers("primary"), await host.outcomes()], [["bochs-drm"], ["returned"]]);
  },
};
