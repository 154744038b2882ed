import { assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../scenario.ts";

const UNSEEN = "/usr/local/lib/lab/hold-unseen.py /dev/snd/controlC0";

export const scenario: Scenario = {
  what: "a driver never lets go of its device: the start fails in time, the rest comes back, other guests are unharmed",
  async run(host) {
    const other = await host.guest(["gpu"]);
    await other.start();
    await host.must(`setsid -f ${UNSEEN} >/run/lab/held 2>&1 </dev/null`);
    await host.until("the holder", "grep -q held /run/lab/held");
    const guest = await host.guest(["nic", "sound"]);
    const { code, stderr } = await guest.tryStart(240);
    assertEquals(code, 1);
    assertMatch(stderr, /0000:03:00\.0/);
    await host.answers();
    assertEquals([await other.state(), ...await host.drivers("nic")], ["running", "e1000e"]);
    await host.until(
      "the recovery that a failed release starts",
      "grep -q 'virt-aid.*g2.*ERROR' /var/log/virt-aid/virt-aid.log",
    );
    await other.destroy();
    assertEquals(await host.drivers("gpu"), ["bochs-drm"]);
    await other.start();
    await other.destroy();
    const [journal] = await host.journals();
    assertEquals(journal?.entries.filter(({ state }) => state === "hung").map(({ step }) => step.kind), ["unbind"]);
    await host.must("pkill -f hold-unseen.py"); // what a person can not do about a driver that has a bug
    await host.idle();
    await host.must("virt-aid recover");
    assertEquals(await host.drivers("sound", "nic"), ["snd_hda_intel", "e1000e"]);
    assertEquals((await host.outcomes()).toSorted(), ["recovered", "returned", "returned"]);
  },
};
