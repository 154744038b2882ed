import { assertEquals, assertMatch } from "@std/assert";
import { setUp } from "../desktop-life.ts";
import { DESKTOPS, untilShown } from "../desktops.ts";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "a program that is no part of the desktop has the card open: the start is refused, the desktop untouched",
  async run(host) {
    await setUp(host, DESKTOPS.xdm);
    const guest = await host.guest(["primary"]);
    await host.must(
      "systemd-run -q --unit=stranger bash -c 'exec sleep infinity 3</dev/dri/by-path/pci-0000:00:02.0-card'",
    );
    const pid = (await host.must("pgrep -x Xorg")).trim();
    const events = await host.deviceEvents();
    const { code, stderr } = await guest.tryStart();
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /virt-aid: g1: 0000:00:02\.0 is held by sleep \(pid \d+, user root\) through \/dev\/dri\/card0/,
    );
    assertEquals(
      [(await host.must("pgrep -x Xorg")).trim(), await host.deviceEvents()],
      [pid, events],
      "all is as it was",
    );
    await untilShown(host, DESKTOPS.xdm, "refused");
    assertEquals([await host.outcomes(), await host.journals()], [["refused"], []]);
    assertMatch(
      await host.must("virt-aid recover"),
      /the last start of g1, .* was refused: 0000:00:02\.0 is held by sleep/,
    );
    await host.must("systemctl stop stranger");
    await guest.start();
    await guest.destroy();
    await untilShown(host, DESKTOPS.xdm, "after");
  },
};
