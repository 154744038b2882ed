/**
 * What every desktop on the primary card has to go through: a guest takes the card and gives it back, twice.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Desktop, untilShown } from "./desktops.ts";
import type { Host } from "./host.ts";
import { picture, untilLit } from "./screen.ts";

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
  if (!desktop) await untilLit(host, "before");
  /** Who is seen to have the card open. */
  const holders = async () =>
    [...(await host.run(`virt-aid plan ${guest.name}`)).stdout.matchAll(/^now: .* held by (\S+)/gm)]
      .map(([, name]) => name);
  for (let time = 1; time <= 2; time++) {
    if (desktop) assert((await holders()).includes(desktop.program), "the desktop is seen on the card");
    else assertEquals(await holders(), []);
    await guest.start();
    assertEquals(await host.drivers("primary"), ["vfio-pci"]);
    if (desktop) assertEquals((await host.run(`pgrep -x ${desktop.program}`)).code, 1, "the desktop is gone");
    assert((await holders()).every((name) => name === "qemu-system-x86"), "QEMU alone");
    await picture(host, `during-${time}`);
    await guest.destroy();
    assertEquals(await host.drivers("primary"), ["bochs-drm"]);
    if (desktop) await untilShown(host, desktop, `after-${time}`);
    else await untilLit(host, `after-${time}`);
    assertEquals(await host.must("systemctl is-active remote-login"), "active\n", "who is logged in elsewhere stays");
    assertEquals(await host.journals(), []);
  }
  const outcomes = await host.outcomes();
  assert(outcomes.every((outcome) => outcome === "returned") && outcomes.length === 2, outcomes.join());
}
