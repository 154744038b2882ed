/** Graphics cards of the simulated host and their drivers (docs/vfio.md F4, F5, F7, M7). */

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { System } from "../../lib/system.ts";
import { hybrid, singleGpu, singleNvidia } from "./gpu-machines.ts";
import type { SimulatedHost } from "./host.ts";
import { hostOf, on } from "./on.ts";

const AMD = "0000:03:00.0";
const NVIDIA = "0000:01:00.0";

/** What modprobe says; empty if all is well. */
async function modprobe(system: System, ...args: string[]): Promise<string> {
  return (await system.run({ program: "/usr/sbin/modprobe", args, timeoutMs: 5_000 })).stderr;
}

/** Starts a program that has something open. */
const opens = (host: SimulatedHost, ...open: string[]) =>
  host.processes.spawn({ comm: "user", args: ["/usr/bin/user"], open }).pid;

Deno.test("amdgpu: a reference that nobody holds keeps the module, and not the function", async () => {
  const host = hostOf(singleGpu);
  await on(host, async (system) => {
    assertEquals(system.read("/sys/module/amdgpu/refcnt"), "1\n");
    assertEquals(await modprobe(system, "-r", "amdgpu"), "modprobe: FATAL: Module amdgpu is in use.\n");
    system.write("/sys/class/vtconsole/vtcon1/bind", "0");
    system.write("/sys/bus/pci/drivers/amdgpu/unbind", AMD);
    assertEquals([system.list("/sys/class/graphics"), system.list("/sys/class/vtconsole")], [[], ["vtcon0"]]);
    system.write("/sys/bus/pci/drivers/amdgpu/bind", AMD);
    assertEquals(system.read(`/sys/bus/pci/devices/${AMD}/drm/card0/card0-HDMI-A-1/status`), "connected\n");
    assertEquals(host.consoles.bound, true);
  });
  assertEquals(host.harms, []);
  assertEquals(hostOf(singleGpu).tree.find("/sys/bus/platform/devices/simple-framebuffer.0"), undefined);
  assertEquals(host.modules.all.get("amdgpu")?.needs, ["drm"], "more about a known driver leaves the rest");
});

Deno.test("nvidia: its modules, who needs whom, and whose node is whose", async () => {
  const host = hostOf({ ...singleNvidia, units: [] });
  const [drm, uvm, control] = ["/dev/dri/renderD128", "/dev/nvidia-uvm", "/dev/nvidiactl"].map((n) => opens(host, n));
  await on(host, async (system) => {
    const count = (module: string) => Number(system.read(`/sys/module/${module}/refcnt`));
    const counts = () => ["nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvidia"].map(count);
    assertEquals(counts(), [1, 1, 1, 4], "nvidia has two modules above it, and users of the card and of its own node");
    assertEquals(system.list("/sys/module/nvidia/holders"), ["nvidia_modeset", "nvidia_uvm"]);
    assertEquals(await modprobe(system, "-r", "nvidia_drm"), "modprobe: FATAL: Module nvidia_drm is in use.\n");
    host.processes.kill(drm!);
    host.processes.kill(uvm!);
    assertEquals(await modprobe(system, "-r", "nvidia"), "modprobe: FATAL: Module nvidia is in use.\n");
    const rmmod = await system.run({ program: "/usr/sbin/rmmod", args: ["--", "nvidia_drm"], timeoutMs: 5_000 });
    assertEquals([rmmod.code, host.modules.all.get("nvidia_modeset")?.loaded], [0, true], "that one alone");
    assertEquals(await modprobe(system, "-r", "nvidia_uvm", "nvidia_modeset"), "");
    assertEquals([system.list("/dev/dri"), system.info("/dev/nvidia-modeset")], [["by-path"], undefined]);
    assertEquals(host.modules.all.get("nvidia")?.loaded, true, "nvidiactl is open");
    assert(system.info("/dev/nvidia0"));
    host.processes.kill(control!);
    assertEquals(await modprobe(system, "-r", "nvidia"), "");
    assertEquals([host.pci.at(NVIDIA).driver, system.list("/proc/driver/nvidia/gpus")], [undefined, []]);
    assertEquals([system.info("/dev/nvidia0"), system.info("/dev/nvidiactl")], [undefined, undefined]);
    assertEquals(await modprobe(system, "nvidia_drm"), "");
    assert(system.read(`/proc/driver/nvidia/gpus/${NVIDIA}/information`)!.includes("Device Minor: \t 0\n"));
    assertEquals(system.list(`/sys/bus/pci/devices/${NVIDIA}/drm`), ["card0", "renderD128"]);
    assertEquals(system.info("/dev/nvidia-uvm"), undefined, "nobody asks for that one");
  });
  assertEquals([host.harms, host.consoles.bound], [[], true], "the console is on the firmware's picture all the time");
});

Deno.test("nvidia: an unbind waits for whoever has the card, by DRM or by its own node", async () => {
  for (const node of ["/dev/dri/card0", "/dev/nvidia0", "/dev/i2c-4"]) {
    const host = hostOf({ ...singleNvidia, units: [] });
    const user = opens(host, node);
    const unbind = host.start((system) => {
      system.write("/sys/bus/pci/drivers/nvidia/unbind", NVIDIA);
      return Promise.resolve(0);
    }, { program: "/usr/bin/test" });
    assertEquals((await unbind.ended).ended, "stuck", node);
    host.processes.kill(user);
    assertEquals(host.pci.at(NVIDIA).driver, undefined);
  }
  const free = hostOf({ ...singleNvidia, units: [] });
  opens(free, "/dev/nvidiactl");
  await on(free, (system) => {
    system.write("/sys/bus/pci/drivers/nvidia/unbind", NVIDIA);
    assertEquals(
      [free.pci.at(NVIDIA).driver, system.list("/dev/dri")],
      [undefined, ["by-path"]],
      "that one is not the card's",
    );
  });
});

Deno.test("nvidia-persistenced: holds the card from its start to its end", async () => {
  const host = hostOf(singleNvidia);
  const users = () => host.pci.users(host.pci.at(NVIDIA)).map((pid) => host.processes.all.get(pid)?.spec.comm);
  assertEquals(users(), ["nvidia-persiste"]);
  await on(host, () => host.systemd.unit("nvidia-persistenced.service")!.stop());
  assertEquals(users(), []);
});

Deno.test("hybrid: the console stays on the first card when the second goes", async () => {
  const host = hostOf(hybrid);
  await on(host, (system) => {
    assertEquals(system.list("/sys/class/graphics"), ["fb0", "fb1"]);
    system.write("/sys/bus/pci/drivers/amdgpu/unbind", AMD);
    assertEquals([system.list("/sys/class/graphics"), host.consoles.bound], [["fb0"], true]);
  });
  assertEquals(host.harms, []);
});

Deno.test("connectors: one may have to be asked before it sees its monitor again (docs/vfio.md M6)", async () => {
  const host = hostOf(singleGpu, [{ name: "monitor-asleep" }]);
  const status = (system: System, connector: string) => system.read(`/sys/class/drm/card0-${connector}/status`);
  await on(host, (system) => {
    assertEquals(status(system, "HDMI-A-1"), "connected\n");
    system.write("/sys/class/vtconsole/vtcon1/bind", "0");
    for (const file of ["unbind", "bind"]) system.write(`/sys/bus/pci/drivers/amdgpu/${file}`, AMD);
    for (const [connector, seen] of [["HDMI-A-1", "connected\n"], ["DP-1", "disconnected\n"]] as const) {
      assertEquals(status(system, connector), "disconnected\n");
      system.write(`/sys/class/drm/card0-${connector}/status`, "detect");
      assertEquals(status(system, connector), seen);
    }
    assertThrows(() => system.write("/sys/class/drm/card0-DP-1/status", "connected"), TypeError);
  });
});
