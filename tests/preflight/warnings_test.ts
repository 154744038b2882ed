import { assertEquals } from "@std/assert";
import { type Config, DEFAULT_CONFIG } from "../../lib/config.ts";
import * as warnings from "../../lib/preflight/warnings.ts";
import { factsOf, GPU, NIC, SOUND } from "../on-host.ts";
import { type DesktopName, withDesktop } from "../simulated/desktops.ts";
import { hybrid, singleGpu } from "../simulated/gpu-machines.ts";
import type { SimulatedHost } from "../simulated/host.ts";
import type { Machine } from "../simulated/machine.ts";
import { server, workstation } from "../simulated/machines.ts";
import { testCheck } from "./check.ts";

const video = (model: string) => ({ devices: `<video><model type='${model}'/></video>` });
testCheck("emulatedVideo", warnings.emulatedVideo, [
  {
    what: "beside a GPU",
    guest: { pci: [GPU], ...video("qxl") },
    says: [
      "the guest has an emulated qxl screen beside its GPU and may use that one",
    ],
  },
  { what: "beside a network card", guest: { pci: [NIC], ...video("qxl") } },
  { what: "beside a GPU that only comes along with its sound", guest: { pci: [SOUND], ...video("qxl") } },
  { what: "none beside a GPU", guest: { pci: [GPU], ...video("none") } },
]);

const network = (name: string) => `<interface type='network'><source network='${name}'/></interface>`;
testCheck("inactiveNetwork", warnings.inactiveNetwork, [
  { what: "one of two", guest: { devices: network("default") + network("lab") }, says: ["network lab is not active"] },
  { what: "active", guest: { devices: network("default") } },
  { what: "none", guest: {} },
]);

testCheck("littleMemory", warnings.littleMemory, [
  {
    what: "more than there is",
    guest: { memoryMiB: 25_600 },
    says: [
      "the guest pins 26214400 KiB of memory, 25165824 KiB are available",
    ],
  },
  { what: "all that there is", guest: { memoryMiB: 24_576 } },
  {
    what: "in huge pages, which are counted elsewhere",
    guest: { memoryMiB: 25_600, more: "<memoryBacking><hugepages/></memoryBacking>" },
  },
]);

const alias = (host: SimulatedHost) =>
  void host.tree.file(
    `/lib/modules/${host.kernel}/modules.alias`,
    "alias vfio_pci:v000015B3d0000101Dsv*sd*bc*sc*i* mlx5_vfio_pci\n",
  );
const PORT = "0000:03:00.0";
testCheck("variant", warnings.variant, [
  {
    what: "one that knows the function",
    guest: { pci: [PORT] },
    machine: server,
    change: alias,
    says: [
      `libvirt 10 and newer would choose mlx5_vfio_pci for ${PORT}`,
    ],
  },
  { what: "none that does", guest: { pci: [PORT] }, machine: server },
  { what: "one that knows another function", guest: { pci: ["0000:02:00.0"] }, machine: server, change: alias },
  {
    what: "a function that is on it already",
    guest: { pci: [PORT] },
    machine: {
      ...server,
      functions: server.functions.map((fn) =>
        fn.address === PORT ? { ...fn, driver: "mlx5_vfio_pci", override: "mlx5_vfio_pci" } : fn
      ),
    },
    change: alias,
  },
]);

const CARD = "0000:03:00.0";
const RESTART: Config = { ...DEFAULT_CONFIG, desktop: { ...DEFAULT_CONFIG.desktop, restart: true } };
const NOT_AGAIN = "the desktop does not start again while the guest runs: ";

Deno.test("noRestart: the desktop cannot start again without a second card, or without a display manager", async () => {
  const says = async (machine: Machine, desktop: DesktopName, config: Config) =>
    warnings.noRestart(await factsOf({ pci: [CARD] }, withDesktop(machine, desktop, CARD), config))
      .map(({ reason }) => reason);
  assertEquals(await says(singleGpu, "gnome", RESTART), [`${NOT_AGAIN}no card of the host is left for it`]);
  assertEquals(await says(hybrid, "startx", RESTART), [`${NOT_AGAIN}no display manager runs it`]);
  assertEquals(await says(hybrid, "gnome", RESTART), []);
  assertEquals(await says(singleGpu, "gnome", DEFAULT_CONFIG), []);
});

const disk = { devices: "<disk type='file'><source file='/nfs/a'/></disk>" };
testCheck("unknownFiles", warnings.unknownFiles, [
  {
    what: "stat(1) says nothing",
    guest: disk,
    change: (host) => void host.commands.delete("/usr/bin/stat"),
    says: [
      "whether /nfs/a is there could not be found out",
    ],
  },
  { what: "missing", guest: disk },
  { what: "there", guest: disk, machine: { ...workstation, files: { "/nfs/a": "" } } },
]);
