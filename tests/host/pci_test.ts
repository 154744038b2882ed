import { assertEquals } from "@std/assert";
import { driverOf, isBridge, isDisplay, onVfio, overrideOf, readFunction, readFunctions } from "../../lib/host/pci.ts";
import { slotOf } from "../../lib/host/pci.ts";
import { GPU, hostOf, NIC, on, SOUND } from "../on-host.ts";
import { bare, server } from "../simulated/machines.ts";

Deno.test("a function: ids, driver, module, group, bridges above", async () => {
  await on(hostOf(), (system) => {
    const { modalias, ...fn } = readFunction(system, GPU)!;
    assertEquals(fn, {
      address: GPU,
      class: "0x030000",
      vendor: "0x10de",
      device: "0x2684",
      driver: "nouveau",
      module: "nouveau",
      vfio: false,
      group: 13,
      above: ["0000:00:01.0"],
      answers: true,
      vfs: 0,
    });
    assertEquals(modalias, "pci:v000010DEd00002684sv00000000sd00000000bc03sc00i00");
    assertEquals(readFunction(system, "0000:00:02.0")!.above, [], "it is right below its root");
    assertEquals(readFunction(system, "0000:00:01.0")!.module, undefined, "its driver is part of the kernel");
    assertEquals([readFunction(system, "0000:ff:00.0"), readFunction(system, "../../x")], [undefined, undefined]);
  });
});

Deno.test("a function that moves: its driver, override and vfio are read as they are", async () => {
  const host = hostOf();
  const seen = () => on(host, (it) => [driverOf(it, NIC), overrideOf(it, NIC), onVfio(it, NIC)]);
  const fn = host.pci.at(NIC);
  assertEquals(await seen(), ["e1000e", null, false]);
  host.pci.unbind(fn);
  assertEquals([await seen(), await on(host, (it) => readFunction(it, NIC)!.module)], [
    [undefined, null, false],
    undefined,
  ]);
  fn.override = "vfio-pci";
  host.modules.load("vfio_pci");
  assertEquals(await seen(), ["vfio-pci", "vfio-pci", true]);
  host.tree.drop(`${fn.path}/vfio-dev`);
  assertEquals(await on(host, (it) => onVfio(it, NIC)), true, "before Linux 6.1 the name alone tells");
});

Deno.test("a function that does not answer reads as ones; a virtual function that works does in its ids alone", async () => {
  const host = hostOf(server);
  host.pci.at("0000:02:00.0").answers = false;
  const answers = (address: string) => on(host, (system) => readFunction(system, address)!.answers);
  assertEquals([await answers("0000:02:00.0"), await answers("0000:01:02.0")], [false, true]);
  assertEquals(await on(host, (system) => readFunction(system, "0000:01:00.0")!.vfs), 4);
});

Deno.test("functions: with one come all of its IOMMU group, once, and none of another", async () => {
  const asked = (...addresses: string[]) =>
    on(hostOf(), (system) => Object.keys(readFunctions(system, addresses)).sort());
  assertEquals(await asked(GPU), [GPU, SOUND]);
  assertEquals(await asked(SOUND, GPU, GPU), [GPU, SOUND]);
  assertEquals(await asked(NIC, "0000:ff:00.0"), [NIC]);
  assertEquals(await asked(), []);
  const alone = await on(hostOf(bare), (system) => readFunctions(system, [GPU]));
  assertEquals([Object.keys(alone), alone[GPU]!.group], [[GPU], undefined], "no IOMMU, no groups");
});

Deno.test("bridge, display and slot", async () => {
  const kinds = await on(hostOf(), (system) =>
    ["0000:00:01.0", GPU, SOUND].map((address) => {
      const fn = readFunction(system, address)!;
      return [isBridge(fn), isDisplay(fn)];
    }));
  assertEquals(kinds, [[true, false], [false, true], [false, false]]);
  assertEquals([slotOf(GPU), slotOf(SOUND), slotOf(NIC)], ["0000:01:00", "0000:01:00", "0000:02:00"]);
});
