import { assert, assertEquals } from "@std/assert";
import { DEFAULT_CONFIG } from "../lib/config.ts";
import { parseDomain } from "../lib/domain.ts";
import { readHost } from "../lib/host/mod.ts";
import { type Plan, planStart, questionFor } from "../lib/plan.ts";
import { describe } from "../lib/steps/mod.ts";
import { GPU, hostOf, NIC, on, SOUND } from "./on-host.ts";
import { type GuestSpec, guestXml, uuidOf } from "./simulated/guests.ts";
import type { SimulatedHost } from "./simulated/host.ts";
import { bare, workstation } from "./simulated/machines.ts";

/** The plan of a guest on a host. */
async function planOf(spec: Omit<GuestSpec, "name">, host: SimulatedHost = hostOf()): Promise<Plan> {
  const domain = parseDomain(guestXml({ name: "win11", ...spec }));
  return planStart(
    domain,
    DEFAULT_CONFIG,
    await on(host, (system) => readHost(system, questionFor(domain, DEFAULT_CONFIG))),
  );
}

/** Its steps, without what they are done to where that is one function. */
const shown = (plan: Plan) => plan.steps.map(describe);

Deno.test("a GPU and a network card: each kind of step for all functions before the next kind, the GPU last", async () => {
  const plan = await planOf({ pci: [GPU, NIC] });
  const all = [NIC, SOUND, GPU];
  const drivers: Record<string, string> = { [NIC]: "e1000e", [SOUND]: "snd_hda_intel", [GPU]: "nouveau" };
  assertEquals([plan.refusals, plan.claims.toSorted()], [[], all.toSorted()]);
  assertEquals(shown(plan), [
    "load vfio-pci",
    "keep the host awake",
    `remember what ${GPU} shows`,
    ...all.flatMap((it) => [`set d3cold_allowed of ${it} to 0`, `set power/control of ${it} to on`]),
    ...all.map((it) => `reserve ${it} for vfio-pci`),
    ...all.map((it) => `unbind ${it} from ${drivers[it]}`),
    ...all.map((it) => `bind ${it} to vfio-pci`),
    ...all.map((it) => `set power/control of ${it} to on`),
    ...all.map((it) => `verify ${it} on vfio-pci`),
  ]);
});

Deno.test("a function that is on vfio-pci already is only looked at, one without a driver is not unbound", async () => {
  const host = hostOf({
    ...workstation,
    functions: workstation.functions.map((fn) => {
      if (fn.address === NIC) return { ...fn, driver: "vfio-pci", override: "vfio-pci" };
      return fn.address === "0000:03:00.0" ? { ...fn, driver: undefined } : fn;
    }),
    routes: [],
  });
  assertEquals(shown(await planOf({ pci: [NIC] }, host)), [`verify ${NIC} on vfio-pci`]);
  const free = (await planOf({ pci: ["0000:03:00.0"] }, host)).steps.map(({ kind }) => kind);
  assertEquals(free, ["load-module", "set-power", "set-power", "set-override", "bind", "set-power", "verify"]);
});

Deno.test("a driver that the XML names is loaded and bound", async () => {
  const host = hostOf({ ...workstation, modules: [{ name: "e1000e_vfio_pci" }] });
  const inside = "<driver name='vfio' model='e1000e_vfio_pci'/>";
  const domain = parseDomain(guestXml({ name: "win11", pci: [NIC] }).replace("<driver name='vfio'/>", inside));
  const plan = planStart(
    domain,
    DEFAULT_CONFIG,
    await on(host, (system) => readHost(system, questionFor(domain, DEFAULT_CONFIG))),
  );
  assertEquals(plan.refusals, []);
  assertEquals([shown(plan)[0], shown(plan).at(-1)], ["load e1000e_vfio_pci", `verify ${NIC} on e1000e_vfio_pci`]);
});

Deno.test("a driver of no name in the XML is none", async () => {
  const domain = parseDomain(guestXml({ name: "win11", pci: [NIC] }).replace("name='vfio'", "model=''"));
  const plan = planStart(
    domain,
    DEFAULT_CONFIG,
    await on(hostOf(), (system) => readHost(system, questionFor(domain, DEFAULT_CONFIG))),
  );
  assertEquals(shown(plan)[0], "load vfio-pci");
});

Deno.test("a refusal leaves no step", async () => {
  const plan = await planOf({ pci: [GPU] }, hostOf(bare));
  assertEquals([plan.steps, plan.refusals[0]!.reason], [[], "the IOMMU is off"]);
});

Deno.test("a guest without devices has nothing to do", async () => {
  const { guest, steps, refusals, warnings, claims } = await planOf({});
  assertEquals({ guest, steps, refusals, warnings, claims }, {
    guest: { name: "win11", uuid: uuidOf("win11") },
    steps: [],
    refusals: [],
    warnings: [],
    claims: [],
  });
});

Deno.test("what is asked of the host: functions, drivers, files and services, each once", () => {
  const disk = (path: string) => `<disk type='file' device='disk'><source file='${path}'/></disk>`;
  const xml = guestXml({
    name: "win11",
    pci: [GPU, { address: NIC, inside: "<rom file='/rom'/>" }],
    devices: `${disk("/a")}${disk("/a")}<input type='evdev'><source dev='/dev/input/event1'/></input>`,
    more: "<os><nvram template='/t'>/n</nvram></os>",
  });
  const question = questionFor(parseDomain(xml.replace(/<os><type.*<\/os>/, "")), {
    ...DEFAULT_CONFIG,
    services: ["ollama.service", "ollama.service"],
  });
  assertEquals(question, {
    services: ["ollama.service"],
    pci: [GPU, NIC],
    drivers: ["vfio-pci"],
    files: ["/a", "/rom", "/n", "/t", "/dev/input/event1"],
  });
});

Deno.test("10,000 functions that are not there are said in one line", async () => {
  const address = (n: number) =>
    `00${(n >> 8).toString(16).padStart(2, "0")}:${(n & 0xff).toString(16).padStart(2, "0")}:1f.7`;
  const plan = await planOf({ pci: Array.from({ length: 10_000 }, (_, n) => address(n)) });
  assertEquals(plan.refusals.length, 1);
  assert(plan.refusals[0]!.reason.endsWith("and 9997 more"));
});
