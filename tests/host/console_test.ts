import { assertEquals } from "@std/assert";
import { hasConsole } from "../../lib/host/console.ts";
import { GPU, hostOf, on } from "../on-host.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { workstation } from "../simulated/machines.ts";

const IGPU = "0000:00:02.0";

/** Functions that the console is on. */
async function consoles(host: SimulatedHost): Promise<string[]> {
  return await on(host, (system) => [IGPU, GPU].filter((address) => hasConsole(system, address)));
}

/** A workstation with a frame buffer of the second card too. */
function both(first: number, second: number): SimulatedHost {
  return hostOf({
    ...workstation,
    functions: workstation.functions.map((fn) => {
      const fb = fn.address === IGPU ? first : fn.address === GPU ? second : undefined;
      return fn.drm && fb !== undefined ? { ...fn, drm: { ...fn.drm, fb } } : fn;
    }),
  });
}

Deno.test("the console is on the function of the lowest frame buffer", async () => {
  assertEquals(await consoles(hostOf()), [IGPU]);
  assertEquals(await consoles(both(0, 1)), [IGPU]);
  assertEquals(await consoles(both(10, 9)), [GPU], "numbers, not names");
});

Deno.test("the console is on none where no frame buffer console is bound", async () => {
  const host = hostOf();
  host.tree.file("/sys/devices/virtual/vtconsole/vtcon1/bind", "0\n");
  assertEquals(await consoles(host), []);
  const without = hostOf();
  without.tree.drop("/sys/class/vtconsole");
  assertEquals(await consoles(without), []);
});

Deno.test("a dummy console that is bound is none, and the frame buffer's is found by its name", async () => {
  const host = hostOf();
  host.tree.file("/sys/devices/virtual/vtconsole/vtcon0/name", "(M) frame buffer device\n");
  host.tree.file("/sys/devices/virtual/vtconsole/vtcon0/bind", "1\n");
  host.tree.file("/sys/devices/virtual/vtconsole/vtcon1/name", "(S) dummy device\n");
  assertEquals(await consoles(host), [IGPU]);
  host.tree.file("/sys/devices/virtual/vtconsole/vtcon0/bind", "0\n");
  assertEquals(await consoles(host), []);
});

Deno.test("the firmware's frame buffer is a device below the function that shows it", async () => {
  for (const name of ["simple-framebuffer.0", "efi-framebuffer.0"]) {
    const host = both(1, 2);
    const path = `${host.pci.at(GPU).path}/${name}/graphics/fb0`;
    host.tree.file(`${path}/name`, "EFI VGA\n");
    host.tree.sysLink("/sys/class/graphics/fb0", path);
    assertEquals(await consoles(host), [GPU]);
  }
});
