/** The simulated host has to do what the kernel does (docs/vfio.md 4), or tests on it prove nothing. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { System } from "../lib/system.ts";
import { anyHost } from "./simulated/any-host.ts";
import { SimulatedHost } from "./simulated/host.ts";
import type { Machine } from "./simulated/machine.ts";
import { bare, MACHINES, server, workstation } from "./simulated/machines.ts";
import type { Outcome } from "./simulated/program.ts";
import { functionsOf, snapshot } from "./simulated/snapshot.ts";

const DEVICES = "/sys/bus/pci/devices";
const GPU = "0000:01:00.0";
const SOUND = "0000:01:00.1";
const NIC = "0000:02:00.0";
const MODPROBE = "/usr/sbin/modprobe";

/** A host with its second sysfs and proc mounted. */
function hostOf(machine: Machine = workstation): SimulatedHost {
  const host = new SimulatedHost(machine);
  host.mounted.add("sysfs").add("proc");
  return host;
}

/** Runs something as a process of the host; what it throws is a failure of the test. */
async function on(host: SimulatedHost, body: (system: System) => unknown): Promise<Outcome> {
  const main = async (system: System) => {
    await body(system);
    return 0;
  };
  const outcome = await host.start(main, { program: "/usr/bin/test" }).ended;
  if (outcome.error) throw outcome.error;
  return outcome;
}

const driver = (system: System, address: string) => system.link(`${DEVICES}/${address}/driver`)?.split("/").at(-1);
const modprobe = (system: System, ...args: string[]) => system.run({ program: MODPROBE, args, timeoutMs: 5_000 });

Deno.test("sysfs: functions, links and attributes are where the kernel has them", async () => {
  await on(hostOf(), (system) => {
    assertEquals(system.link(`${DEVICES}/${GPU}`), `../../../devices/pci0000:00/0000:00:01.0/${GPU}`);
    assertEquals(system.link(`${DEVICES}/${GPU}/driver`), "../../../../bus/pci/drivers/nouveau");
    assertEquals(system.link(`${DEVICES}/${GPU}/driver/module`), "../../../../module/nouveau");
    assertEquals(system.link(`${DEVICES}/${GPU}/iommu_group`), "../../../../kernel/iommu_groups/13");
    assertEquals(system.list("/sys/kernel/iommu_groups/13/devices"), [GPU, SOUND]);
    assertEquals(system.read(`${DEVICES}/${GPU}/class`), "0x030000\n");
    assertEquals(system.read(`${DEVICES}/${GPU}/boot_vga`), "0\n");
    assertEquals(system.read(`${DEVICES}/${SOUND}/boot_vga`), undefined);
    assertEquals(system.read(`${DEVICES}/${GPU}/driver_override`), "(null)\n");
    assertEquals(system.read("/sys/class/drm/card1/device/vendor"), "0x10de\n");
    assertEquals([...system.readBytes(`${DEVICES}/${GPU}/config`, 4)!], [0xde, 0x10, 0x84, 0x26]);
    assertEquals(system.read("/proc/self/comm"), "test\n");
    assertEquals(system.read("/proc/self/stat")!.split(" ")[0], String(system.pid));
    assertThrows(() => system.read(`${DEVICES}/${GPU}/remove`), Deno.errors.PermissionDenied);
    assertThrows(() => system.write(`${DEVICES}/${GPU}/class`, "0"), Deno.errors.PermissionDenied);
    assertThrows(() => system.write(`${DEVICES}/${GPU}/nothing`, "0"), Deno.errors.NotFound);
  });
});

Deno.test("sysfs and proc: cannot be seen without their second mounts", async () => {
  await on(new SimulatedHost(workstation), async (system) => {
    assertEquals(system.info("/sys/kernel"), undefined);
    const folders = ["/run/virt-aid/sys", "/run/virt-aid/proc"];
    await system.run({ program: "/usr/bin/mkdir", args: ["-p", "-m", "0700", "--", ...folders], timeoutMs: 1_000 });
    const mount = (type: string, folder: string) =>
      system.run({ program: "/usr/bin/mount", args: ["-t", type, type, folder], timeoutMs: 1_000 });
    assertEquals((await mount("sysfs", "/run/virt-aid/sys")).code, 0);
    assertEquals((await mount("sysfs", "/run/virt-aid/sys")).code, 32);
    assertEquals(system.info("/sys/kernel")?.kind, "folder");
    assertEquals(system.info("/proc/self"), undefined);
  });
});

Deno.test("override, unbind, probe: a function goes to vfio-pci and comes back", async () => {
  const host = hostOf();
  const before = functionsOf(host);
  await on(host, async (system) => {
    const folder = `${DEVICES}/${GPU}`;
    system.write(`${folder}/driver_override`, "vfio-pci");
    assertEquals(driver(system, GPU), "nouveau", "an override detaches nothing");
    system.write(`${folder}/driver/unbind`, GPU);
    assertEquals([driver(system, GPU), system.list(`${folder}/drm`)], [undefined, []]);
    system.write("/sys/bus/pci/drivers_probe", GPU);
    assertEquals(driver(system, GPU), undefined, "the driver of the override is not registered");
    await modprobe(system, "vfio-pci");
    assertEquals(driver(system, GPU), "vfio-pci", "a driver that is registered is offered what is free");
    assert(system.info(`${folder}/vfio-dev`) && system.info("/dev/vfio/13") && system.info("/sys/class/vfio/13"));
    system.write(`${folder}/driver_override`, "\n");
    assertEquals([driver(system, GPU), system.read(`${folder}/driver_override`)], ["vfio-pci", "(null)\n"]);
    system.write(`${folder}/driver/unbind`, GPU);
    assertEquals(system.info("/dev/vfio/13"), undefined);
    system.write("/sys/bus/pci/drivers_probe", GPU);
  });
  assertEquals(functionsOf(host), before);
  assertEquals(host.harms, []);
});

Deno.test("bind and unbind: what the kernel refuses", async () => {
  await on(hostOf(), async (system) => {
    const file = (name: string, attribute: string) => `/sys/bus/pci/drivers/${name}/${attribute}`;
    await modprobe(system, "vfio-pci");
    assertThrows(() => system.write(file("vfio-pci", "unbind"), GPU), Error, "No such device (os error 19)");
    assertThrows(() => system.write(file("vfio-pci", "bind"), GPU), Error, "No such device (os error 19)");
    assertThrows(() => system.write(file("nouveau", "bind"), GPU), Deno.errors.Busy);
    assertThrows(() => system.write("/sys/bus/pci/drivers_probe", "0000:ff:00.0"), Error, "(os error 19)");
    system.write("/sys/bus/pci/drivers_probe", GPU);
    assertEquals(driver(system, GPU), "nouveau");
    assertThrows(() => system.write(`${DEVICES}/${NIC}/power/control`, "off"), TypeError, "Invalid argument");
    system.write(`${DEVICES}/${NIC}/power/control`, "auto\n");
    system.write(`${DEVICES}/${NIC}/d3cold_allowed`, "0");
    assertEquals(system.read(`${DEVICES}/${NIC}/power/control`), "auto\n");
    system.write(file("e1000e", "unbind"), NIC);
    system.write(file("vfio-pci", "new_id"), "8086 10d3");
    assertEquals(driver(system, NIC), "vfio-pci");
    assertEquals(system.read(`${DEVICES}/${NIC}/power/runtime_status`), "suspended\n");
  });
});

Deno.test("unbind: waits for whoever has the function open, with its lock and those of the process held", async () => {
  const host = hostOf();
  const blender = host.processes.spawn({ comm: "blender", args: ["/usr/bin/blender"], open: ["/dev/dri/card1"] });
  const stuck = await on(host, async (system) => {
    await system.lock("/run/lock", 100);
    try {
      system.write(`${DEVICES}/${GPU}/driver/unbind`, GPU);
    } catch {
      system.write(`${DEVICES}/${GPU}/driver_override`, "nothing that it does later has an effect");
    }
  });
  assertEquals(stuck.ended, "stuck");
  const [pid] = host.locks.holders();
  const other = await on(host, (system) => system.read(`${DEVICES}/${GPU}/driver_override`));
  assertEquals(other.ended, "stuck", "so does everyone who wants the lock of the function");
  await on(host, async (system) => {
    await system.kill(pid!);
    assertEquals(system.read(`/proc/${pid}/stat`)?.split(" ")[2], "Z");
    assertEquals(await system.lock("/run/lock", 1_000), undefined);
    host.after(50, () => host.processes.kill(blender.pid));
    assert(await system.lock("/run/lock", 1_000), "the call returns, and the killed process is gone");
    assertEquals(driver(system, GPU), undefined);
    assertEquals(system.read(`${DEVICES}/${GPU}/driver_override`), "(null)\n");
  });
});

Deno.test("remove and rescan: a function comes back with no override", async () => {
  const host = hostOf();
  const before = functionsOf(host);
  await on(host, (system) => {
    system.write(`${DEVICES}/${SOUND}/driver_override`, "nothing");
    system.write(`${DEVICES}/${SOUND}/remove`, "1");
    assertEquals(system.info(`${DEVICES}/${SOUND}`), undefined);
    assertEquals(system.list("/sys/kernel/iommu_groups/13/devices"), [GPU]);
    system.write("/sys/class/pci_bus/0000:02/rescan", "1");
    assertEquals(system.info(`${DEVICES}/${SOUND}`), undefined, "that is another bus");
    system.write("/sys/class/pci_bus/0000:01/rescan", "1");
    assertEquals(driver(system, SOUND), "snd_hda_intel");
    system.write(`${DEVICES}/0000:00:01.0/remove`, "1");
    assertEquals(system.info(`${DEVICES}/${GPU}`), undefined);
    system.write("/sys/bus/pci/rescan", "1");
  });
  assertEquals(functionsOf(host), before);
});

Deno.test("modules: use counts, dependencies, what modprobe refuses", async () => {
  const host = hostOf();
  await on(host, async (system) => {
    assertEquals((await modprobe(system, "--", "vfio-pci")).code, 0);
    assertEquals(system.list("/sys/module/vfio_pci_core/holders"), ["vfio_pci"]);
    assertEquals(system.read("/sys/module/i915/refcnt"), "1\n", "gnome-shell has card0 open");
    assertEquals((await modprobe(system, "-r", "i915")).stderr, "modprobe: FATAL: Module i915 is in use.\n");
    assertEquals((await modprobe(system, "nonsense")).code, 1);
    assertEquals((await modprobe(system, "-r", "e1000e")).code, 0);
    assertEquals(driver(system, NIC), undefined, "a bound function keeps no module from going");
    assertEquals((await modprobe(system, "e1000e")).code, 0);
    assertEquals(driver(system, NIC), "e1000e");
    host.tree.file("/run/modprobe.d/virt-aid.conf", "install nouveau /bin/false\n");
    await modprobe(system, "-r", "nouveau");
    assertEquals((await modprobe(system, "nouveau")).code, 1);
  });
});

Deno.test("virtual functions: come and go with their physical function", async () => {
  const host = hostOf(server);
  await on(host, (system) => {
    const [pf, vf] = [`${DEVICES}/0000:01:00.0`, `${DEVICES}/0000:01:02.0`];
    assertEquals(system.read(`${pf}/sriov_numvfs`), "4\n");
    assertEquals(system.link(`${vf}/physfn`), "../0000:01:00.0");
    assertEquals([...system.readBytes(`${vf}/config`, 4)!], [255, 255, 255, 255], "the ids of a VF are in sysfs alone");
    assertThrows(() => system.write(`${pf}/sriov_numvfs`, "2"), Deno.errors.Busy);
    system.write(`${pf}/sriov_numvfs`, "0");
    assertEquals(system.info(vf), undefined);
    system.write(`${pf}/sriov_numvfs`, "1");
    assertEquals(driver(system, "0000:01:02.0"), "iavf");
  });
});

Deno.test("without an IOMMU: no groups, and vfio-pci takes nothing", async () => {
  await on(hostOf(bare), async (system) => {
    assertEquals([system.list("/sys/class/iommu"), system.list("/sys/kernel/iommu_groups")], [[], []]);
    await modprobe(system, "vfio-pci");
    system.write(`${DEVICES}/${NIC}/driver_override`, "vfio-pci");
    system.write(`${DEVICES}/${NIC}/driver/unbind`, NIC);
    assertThrows(() => system.write("/sys/bus/pci/drivers/vfio-pci/bind", NIC), TypeError);
  });
});

Deno.test("every machine: what is bound has its links both ways, and a host is the same each time it is made", () => {
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(...Object.values(MACHINES)), anyHost), (machine) => {
      const host = hostOf(machine);
      for (const fn of host.pci.functions.values()) {
        assertEquals(host.tree.find(`${DEVICES}/${fn.address}`), host.tree.find(fn.path));
        const names = [...host.pci.drivers.keys()].filter((name) =>
          host.tree.find(`/sys/bus/pci/drivers/${name}/${fn.address}`)
        );
        assertEquals(names, fn.driver === undefined ? [] : [fn.driver]);
      }
      assertEquals(snapshot(host), snapshot(hostOf(machine)));
    }),
    { numRuns: 100 },
  );
});
