// Hand-overs under a real libvirtd, which sees the simulated machine too and gives a real guest its functions.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { bare, workstation } from "../simulated/machines.ts";
import { EMULATOR, guest, pci, USB } from "./guest.ts";
import { OWN, TestMachine } from "./machine.ts";

const NIC = "0000:02:00.0";
const GPU = "0000:01:00.0";
const AUDIO = "0000:01:00.1";

for (const managed of [true, false]) {
  Deno.test(`a whole life, managed='${managed ? "yes" : "no"}': the card with its companion goes and comes back`, async () => {
    await using machine = await TestMachine.up(workstation);
    const { host } = machine;
    for (let life = 1; life <= 2; life++) { // libvirt remembers functions that it has once given to a guest
      const { code, stderr } = await machine.create(guest("win", pci(GPU, managed)));
      assertEquals(code, 0, stderr + machine.log);
      assertEquals([GPU, AUDIO].map((address) => host.pci.at(address).driver), ["vfio-pci", "vfio-pci"]);
      assertEquals(machine.journals.map(({ guest, state }) => [guest.name, state]), [["win", "running"]]);
      assertMatch((await machine.ns.run(`${OWN}/virt-aid`, "recover")).stdout, /^win: left: it is running\n$/);
      await machine.must("destroy", "win");
      assertEquals(machine.changed, {}, machine.log);
      assertEquals(machine.journals, []);
      assertEquals(machine.outcomes.length, life);
    }
    assertEquals(host.harms, []);
    assertEquals(machine.outcomes, ["returned", "returned"]);
  });
}

Deno.test("a refusal: virsh shows why and what to do, and nothing is touched", async () => {
  await using machine = await TestMachine.up(bare);
  machine.noteEvents("win");
  const { code, stderr } = await machine.create(guest("win", pci(NIC) + pci("0000:09:00.0")));
  assertEquals(code, 1);
  assertMatch(stderr, /exit status 1: virt-aid: win: the IOMMU is off\n/);
  assertStringIncludes(stderr, "\nalso: there is no PCI device at 0000:09:00.0 (addresses move");
  assertStringIncludes(stderr, "\nhint: turn on VT-d or AMD-Vi in the firmware");
  assertEquals(machine.host.operations, []);
  assertEquals(machine.changed, {}, machine.log);
  assertEquals(machine.events, ["win prepare begin -", "win stopped end -", "win release end -"]);
  assertEquals([machine.journals, machine.outcomes], [[], ["refused"]]);
});

Deno.test("a refusal on the real sysfs and proc of this machine, which are mounted for it", async () => {
  await using machine = await TestMachine.up();
  const { stderr } = await machine.create(guest("win", pci("0000:ff:1f.7")));
  assertMatch(stderr, /virt-aid: win: (the IOMMU is off|there is no PCI device at 0000:ff:1f\.7)\n/);
  assert(machine.ns.has("/run/virt-aid/sys/bus/pci"));
  assertEquals(await machine.ns.bash("stat -c %a /run/virt-aid /run/virt-aid/guests"), "700\n700\n");
  const options = (await machine.ns.bash("grep ' /run/virt-aid/' /proc/self/mounts")).trim().split("\n");
  assertEquals(options.length, 2);
  for (const line of options) assertMatch(line, /nosuid,nodev,noexec/);
});

Deno.test("libvirt itself refuses after the hand-over: everything comes back", async () => {
  await using machine = await TestMachine.up(workstation);
  await machine.ns.bash("rm /dev/vfio/vfio");
  const { stderr } = await machine.create(guest("win", pci(GPU)));
  assertStringIncludes(stderr, "host doesn't support passthrough of host PCI devices");
  assertEquals(machine.changed, {}, machine.log);
  assertEquals([machine.journals, machine.outcomes], [[], ["returned"]]);
});

Deno.test("QEMU does not start after the hand-over: everything comes back", async () => {
  await using machine = await TestMachine.up(workstation);
  machine.script("qemu.d/win/start/begin", `chmod -x ${EMULATOR}`);
  const { code, stderr } = await machine.create(guest("win", pci(GPU)));
  assertEquals(code, 1, stderr);
  assertEquals(machine.changed, {}, machine.log);
  assertEquals([machine.journals, machine.outcomes], [[], ["returned"]]);
});

Deno.test("a step that fails: virsh shows which, and the steps before it are taken back", async () => {
  await using machine = await TestMachine.up(workstation, [{ name: "bind-fails", at: GPU }]);
  const { stderr } = await machine.create(guest("win", pci(GPU)));
  assertStringIncludes(stderr, `${GPU} is without a driver after it was offered to vfio-pci; everything was put back`);
  assertEquals(machine.changed, {}, machine.log);
  assertEquals([machine.journals, machine.outcomes], [[], ["rolled back"]]);
});

for (const name of ["return-needs-reset", "return-needs-rescan"]) {
  Deno.test(`a function that does not come back at once (${name}) is brought back`, async () => {
    await using machine = await TestMachine.up(workstation);
    const { driver } = machine.host.pci.at(NIC);
    assertEquals((await machine.create(guest("win", pci(NIC)))).code, 0);
    machine.host.fault({ name, at: NIC });
    await machine.must("destroy", "win");
    assertEquals(machine.host.pci.at(NIC).driver, driver, machine.log);
    assertEquals([machine.journals, machine.outcomes], [[], ["returned"]]);
  });
}

Deno.test("a function that does not come back at all is said in the log and kept for recover, which brings it back", async () => {
  await using machine = await TestMachine.up(workstation);
  assertEquals((await machine.create(guest("win", pci(NIC)))).code, 0);
  machine.host.fault({ name: "return-fails", at: NIC });
  await machine.must("destroy", "win");
  assertEquals(machine.journals.map(({ state }) => state), ["failed"]);
  assertStringIncludes(machine.log, `${NIC} does not go back to e1000e`);
  await machine.unattended();
  machine.host.heal();
  const { code, stdout, stderr } = await machine.ns.run(`${OWN}/virt-aid`, "recover", "win");
  assertEquals(code, 0, stderr);
  assertMatch(stdout, /^win: recovered: \d+ steps were taken back\n$/);
  assertEquals(machine.changed, {}, machine.log);
  assertEquals([machine.journals, machine.outcomes], [[], ["recovered"]]);
});

Deno.test("six guests at once want the same card: one gets it, the others are told who has it", async () => {
  await using machine = await TestMachine.up(workstation);
  const names = ["a", "b", "c", "d", "e", "f"];
  const ends = await Promise.all(names.map((name) => machine.create(guest(name, pci(GPU)))));
  const [winner, ...more] = names.filter((_, i) => ends[i]!.code === 0);
  assert(winner !== undefined && more.length === 0, JSON.stringify(ends));
  for (const { code, stderr } of ends) {
    if (code !== 0) {
      assertMatch(stderr, new RegExp(`${AUDIO} is in use by guest ${winner}|${GPU} is in use by guest ${winner}`));
    }
  }
  await machine.must("destroy", winner);
  assertEquals(machine.changed, {}, machine.log);
});

Deno.test("two guests with a card each start and end at once", async () => {
  await using machine = await TestMachine.up(workstation);
  const guests = [guest("a", pci(GPU)), guest("b", pci(NIC))];
  assertEquals((await Promise.all(guests.map((xml) => machine.create(xml)))).map(({ stderr }) => stderr), ["", ""]);
  await Promise.all(["a", "b"].map((name) => machine.must("destroy", name)));
  assertEquals(machine.changed, {}, machine.log);
  assertEquals([machine.journals, machine.outcomes], [[], ["returned", "returned"]]);
});

Deno.test("a phase program that is missing or not root's refuses a guest with devices, and no other", async () => {
  await using machine = await TestMachine.up(workstation);
  const place = `${OWN}/prepare-begin`;
  const refused = async (why: string) => {
    const { code, stderr } = await machine.create(guest("win", pci(GPU)));
    assertEquals(code, 1);
    assertStringIncludes(stderr, `virt-aid: win: ${place} ${why}`);
    assertEquals((await machine.create(guest("plain"))).code, 0);
    await machine.must("destroy", "plain");
  };
  await machine.ns.bash(`umount ${place}; rm ${place}`);
  await refused("is missing\n");
  machine.ns.write(place, "#!/bin/sh\n", 0o777);
  await refused("can be written by others than root\n");
  assertEquals(machine.host.operations, []);
});

Deno.test("a guest called .. gets no device; one with a USB device that may be missing starts and takes no lock", async () => {
  await using machine = await TestMachine.up(workstation);
  assertStringIncludes(
    (await machine.create(guest("..", pci(NIC)))).stderr,
    "the guest's name cannot be used: it is . or ..",
  );
  assertEquals((await machine.create(guest("win", USB))).code, 0);
  await machine.must("destroy", "win");
  assertEquals(machine.host.operations, []);
});
