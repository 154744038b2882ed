import { assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../../lib/errors.ts";
import type { Step } from "../../lib/step.ts";
import { GPU, hostOf, NIC } from "../on-host.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import { workstation } from "../simulated/machines.ts";
import { File } from "../simulated/tree.ts";
import { look, take, takeBack } from "./step.ts";

const STEP: Step = { kind: "remember-display", address: GPU };

/** A workstation whose second card has two monitors, and a third connector without one. */
function machine(): SimulatedHost {
  const connectors = [{ name: "DP-1", connected: true }, { name: "HDMI-A-1", connected: true }, {
    name: "DP-2",
    connected: false,
  }];
  const functions = workstation.functions.map((fn) =>
    fn.address === GPU && fn.drm ? { ...fn, drm: { ...fn.drm, connectors } } : fn
  );
  return hostOf({ ...workstation, functions });
}

/** File that says what is plugged in. */
const path = (host: SimulatedHost, connector: string) => `${host.pci.at(GPU).path}/drm/card1/card1-${connector}/status`;

Deno.test("remember-display: monitors that were there are there again", async () => {
  const host = machine();
  const before = await take(host, STEP);
  assertEquals(before, { already: false, connected: "DP-1 HDMI-A-1" });
  host.pci.unbind(host.pci.at(GPU));
  host.after(1_000, () => host.pci.bind(host.pci.at(GPU), "nouveau"));
  assertEquals(await takeBack(host, STEP, before), undefined, "it waits for the card");
});

Deno.test("remember-display: a connector that stays dark is asked to look again", async () => {
  const host = machine();
  const before = await take(host, STEP);
  let plugged = "disconnected\n";
  const written: string[] = [];
  const hear = (text: string) => {
    written.push(text);
    plugged = "connected\n";
  };
  host.tree.put(path(host, "DP-1"), new File(() => plugged, 0o644, hear));
  assertEquals([await takeBack(host, STEP, before), written], [undefined, ["detect"]]);
});

Deno.test("remember-display: a monitor that is not seen any more is said, and nothing is left to do", async () => {
  const host = machine();
  const before = await take(host, STEP);
  host.tree.file(path(host, "HDMI-A-1"), "disconnected\n");
  const said = `no monitor is seen on HDMI-A-1 of ${GPU}, as there was before`;
  assertEquals(await takeBack(host, STEP, before), said);
});

Deno.test("remember-display: a driver without a DRM card is an error, a function that is gone is another step's", async () => {
  const host = machine();
  const before = await take(host, STEP);
  host.pci.unbind(host.pci.at(GPU));
  await assertRejects(() => takeBack(host, STEP, before), AidError, `${GPU} has no DRM card any more`);
  host.pci.drop(host.pci.at(GPU));
  assertEquals(await takeBack(host, STEP, before), undefined);
});

Deno.test("remember-display: what has no card has nothing to be remembered", async () => {
  assertEquals(await look(machine(), { kind: "remember-display", address: NIC }), { already: true, connected: "" });
});
