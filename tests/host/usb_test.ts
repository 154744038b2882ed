import { assertEquals } from "@std/assert";
import { usbDevices } from "../../lib/host/usb.ts";
import { hostOf, on } from "../on-host.ts";

Deno.test("devices by port, without root hubs and interfaces; one that is pulled out is gone, and comes back renumbered", async () => {
  const host = hostOf();
  host.tree.file("/sys/bus/usb/devices/usb1/idVendor", "1d6b\n");
  const keyboard = { port: "1-1", vendor: "0x046d", product: "0xc31c", bus: 1, device: 2 };
  const mouse = { port: "1-2", vendor: "0x046d", product: "0xc077", bus: 1, device: 3 };
  assertEquals(await on(host, usbDevices), [keyboard, mouse]);
  host.usb.unplug("1-1");
  assertEquals(await on(host, usbDevices), [mouse]);
  host.usb.plug(host.machine.usb![0]!);
  assertEquals(await on(host, usbDevices), [{ ...keyboard, device: 4 }, mouse]);
});

Deno.test("a device behind a hub", async () => {
  const host = hostOf();
  for (const [name, text] of [["idVendor", "046d"], ["idProduct", "c52b"], ["busnum", "2"], ["devnum", "9"]] as const) {
    host.tree.file(`/sys/bus/usb/devices/2-1.4.2/${name}`, `${text}\n`);
  }
  const found = await on(host, usbDevices);
  assertEquals(found.at(-1), { port: "2-1.4.2", vendor: "0x046d", product: "0xc52b", bus: 2, device: 9 });
});
