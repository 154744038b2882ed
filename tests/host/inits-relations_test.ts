import { assertEquals } from "@std/assert";
import { relationsOf } from "../../lib/host/inits/systemd.ts";
import { hostOf, on } from "../on-host.ts";
import type { UnitSpec } from "../simulated/desktop.ts";
import { withDesktop } from "../simulated/desktops.ts";
import { singleGpu } from "../simulated/gpu-machines.ts";
import { workstation } from "../simulated/machines.ts";

const SYSTEMCTL = "/usr/bin/systemctl";
const ANN = { name: "ann", uid: 1000 };

/** A host with units; ann's manager runs. */
const hostWith = (...units: readonly UnitSpec[]) => hostOf({ ...workstation, processes: [], units, linger: [1000] });

Deno.test("relations of units of a user's manager: sockets that start them again, targets that they are a part of", async () => {
  const host = hostOf(withDesktop(singleGpu, "kde", "0000:03:00.0"));
  const names = ["pipewire.service", "wireplumber.service", "pipewire-pulse.service", "plasma-kwin_wayland.service"];
  const found = await on(host, (system) => relationsOf(system, names, ANN));
  assertEquals([...found], [
    ["pipewire.service", { sockets: ["pipewire.socket"], alone: true }],
    ["wireplumber.service", { sockets: [], alone: true }],
    ["pipewire-pulse.service", { sockets: ["pipewire-pulse.socket"], alone: true }],
    ["plasma-kwin_wayland.service", { sockets: [], alone: false }],
  ]);
});

Deno.test("relations: a unit may have several sockets", async () => {
  const host = hostWith({ name: "a.service", user: 1000, triggeredBy: ["a.socket", "b.socket"] });
  const found = await on(host, (system) => relationsOf(system, ["a.service"], ANN));
  assertEquals(found.get("a.service"), { sockets: ["a.socket", "b.socket"], alone: true });
});

/** Which units are alone, by what each of them is tied to; others are tied to what all are. */
async function alone(units: Readonly<Record<string, string>>, ...names: readonly string[]): Promise<string[]> {
  const box = (names: readonly string[]) =>
    names.map((name) => {
      const [property, tie] = (units[name] ?? "").split("=");
      const all = { TriggeredBy: "", Requires: "basic.target app.slice", PartOf: "", BindsTo: "", Requisite: "" };
      const its = { ...all, ...property && { [property]: tie } };
      return `Id=${name}\n${Object.entries(its).map(([key, value]) => `${key}=${value}\n`).join("")}`;
    }).join("\n");
  const host = hostWith();
  host.commands.set(SYSTEMCTL, (_host, args) => ({ code: 0, stdout: box(args.slice(args.indexOf("--") + 1)) }));
  const found = await on(host, (system) => relationsOf(system, names, ANN));
  assertEquals([...found.keys()], names);
  return [...found].filter(([, { alone }]) => alone).map(([name]) => name);
}

Deno.test("relations: what hangs on a session, itself or by another service, is not alone", async () => {
  const units = {
    "niri.service": "BindsTo=graphical-session.target",
    "bar.service": "PartOf=niri.service",
    "applet.service": "Requires=basic.target bar.service",
    "shell.service": "Requires=basic.target graphical-session.target",
    "wireplumber.service": "BindsTo=pipewire.service",
    "pipewire.service": "Requires=pipewire.socket basic.target session.slice dbus.service",
    "a.service": "BindsTo=b.service",
    "b.service": "BindsTo=a.service",
  };
  assertEquals(await alone(units, "bar.service"), []);
  assertEquals(await alone(units, ...Object.keys(units)), [
    "wireplumber.service",
    "pipewire.service",
    "a.service",
    "b.service",
  ]);
});
