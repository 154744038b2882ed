/**
 * What every desktop on the primary card has to go through: a guest takes the card and gives it back, twice.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Desktop, untilShown } from "./desktops.ts";
import type { Host } from "./host.ts";
import { picture, SHOWN, untilSeen } from "./screen.ts";

/** Somebody who is logged in without a seat, as over ssh. */
const REMOTE =
  "systemd-run -q --unit=remote-login -p PAMName=login -p User=ann -p Environment=XDG_SESSION_CLASS=user sleep infinity";

/** Has a desktop set up, and waits until it shows itself. */
export async function setUp(host: Host, desktop: Desktop): Promise<void> {
  await host.must(desktop.setUp);
  await untilShown(host, desktop, "before");
}

/** A guest takes the primary card from a desktop, or from the text console where there is none, and gives it back. */
export async function handOverTwice(host: Host, desktop?: Desktop): Promise<void> {
  const guest = await host.guest(["primary"], { boots: true });
  await host.must(REMOTE);
  /** Waits until the host shows what it has to show; nobody else has the card open then. */
  const shown = async (name: string) => {
    await (desktop ? untilShown(host, desktop, name) : untilSeen(host, "text", name));
    assertEquals(await holders(), [...desktop?.holders ?? []], name);
  };
  /** Names of those who are seen to have the card open, each once. */
  const holders = async () => {
    const { stdout } = await host.run(`virt-aid plan ${guest.name}`);
    return [...new Set([...stdout.matchAll(/^now: .* held by (\S+)/gm)].map(([, name]) => name))].sort();
  };
  await shown("before");
  for (let time = 1; time <= 2; time++) {
    await guest.start();
    assertEquals(await host.drivers("primary"), ["vfio-pci"]);
    assertEquals(await holders(), ["qemu-system-x86"], "QEMU alone");
    const share = await picture(host, `during-${time}`);
    if (desktop) {
      assertEquals((await host.run(`pgrep -x ${desktop.program}`)).code, 1, "the desktop is gone");
      assert(share < SHOWN.graphics.least, "nothing of it is left on the screen");
    }
    await guest.destroy();
    assertEquals(await host.drivers("primary"), ["bochs-drm"]);
    await shown(`after-${time}`);
    assertEquals(await host.must("systemctl is-active remote-login"), "active\n", "who is logged in elsewhere stays");
    assertEquals(await host.journals(), []);
  }
  assertEquals(await host.outcomes(), ["returned", "returned"]);
}
