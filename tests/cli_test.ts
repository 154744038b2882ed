import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Outcome } from "./simulated/process.ts";
import { GPU, NIC } from "./on-host.ts";
import { guestXml } from "./simulated/guests.ts";
import { bare, workstation } from "./simulated/machines.ts";
import { functionsOf } from "./simulated/snapshot.ts";
import { World } from "./scenarios/world.ts";

const XML = guestXml({ name: "win11", pci: [GPU] });

/** Runs virt-aid on a machine; it may change nothing of the host. */
async function virtAid(args: readonly string[], world = new World(workstation)): Promise<Outcome> {
  const before = functionsOf(world.host);
  const outcome = await world.run("virt-aid", args);
  assertEquals([functionsOf(world.host), outcome.ended, outcome.error], [before, "exit", undefined]);
  return outcome;
}

/** What is said on standard error, where nothing was printed. */
async function complaint(args: readonly string[], world?: World): Promise<string> {
  const { code, stdout, stderr } = await virtAid(args, world);
  assertEquals([code, stdout], [1, ""]);
  assertMatch(stderr, /^virt-aid: .+\n(.+\n)*hint: .+\n$/);
  assert(new TextEncoder().encode(stderr).length < 1024);
  return stderr;
}

const fileOf = (text: string, path = "/root/win11.xml") => {
  const world = new World(workstation);
  world.host.tree.file(path, text);
  return world;
};

for (const args of [["help"], ["--help"], ["-h"], [], ["plan", "--help"]]) {
  Deno.test(`virt-aid ${args.join(" ")}: the subcommands, by anyone`, async () => {
    const world = new World(workstation);
    const start = { program: "/etc/libvirt/hooks/virt-aid/virt-aid", args, uid: 1000 };
    const { code, stdout, stderr } = await world.host.start(world.host.programs.get(start.program)!, start).ended;
    assertEquals([code, stderr], [0, ""]);
    for (const word of ["plan GUEST|FILE.xml", "recover [GUEST]", "help"]) assertStringIncludes(stdout, word);
    assert(stdout.split("\n").every((line) => line.length <= 120));
  });
}

Deno.test("virt-aid --version", async () => {
  for (const args of [["--version"], ["-V"]]) assertMatch((await virtAid(args)).stdout, /^virt-aid \d+\.\d+\.\d+\n$/);
});

const WRONG: readonly [args: readonly string[], says: string][] = [
  [["start"], "there is no subcommand start"],
  [["constructor"], "there is no subcommand constructor"],
  [["--force"], "there is no option --force"],
  [["-x", "plan", "win11"], "there is no option -x"],
  [["plan"], "usage: virt-aid plan GUEST|FILE.xml"],
  [["plan", "a", "b"], "usage: virt-aid plan GUEST|FILE.xml"],
  [["recover", "a", "b"], "usage: virt-aid recover [GUEST]"],
  [["plan", "nobody"], "error: failed to get domain"],
  [["plan", "/nothing.xml"], "head: cannot open '/nothing.xml'"],
  [["recover", "nobody"], "guest nobody has nothing to take back"],
];
for (const [args, says] of WRONG) {
  Deno.test(`virt-aid ${args.join(" ")}: ${says}`, async () => assertStringIncludes(await complaint(args), says));
}

Deno.test("virt-aid plan, recover: only as root", async () => {
  for (const args of [["plan", "win11"], ["recover"]]) {
    const world = new World(workstation);
    const start = { program: "/etc/libvirt/hooks/virt-aid/virt-aid", args, uid: 1000 };
    const { code, stderr } = await world.host.start(world.host.programs.get(start.program)!, start).ended;
    assertEquals([code, stderr.split("\n")[0]], [1, "virt-aid: only root may look at all of the host"]);
    assertStringIncludes(stderr, "hint: sudo virt-aid ");
  }
});

Deno.test("virt-aid plan FILE.xml: every step in order, and nothing is done", async () => {
  const world = fileOf(XML);
  const { code, stdout } = await virtAid(["plan", "/root/win11.xml"], world);
  const lines = stdout.trimEnd().split("\n");
  assertEquals([code, lines[0]], [0, "A start of win11 would take these steps, and its end would take them back:"]);
  assertEquals([lines[1], lines.at(-1)], ["   1. load vfio-pci", `  17. verify ${GPU} on vfio-pci`]);
  assertEquals([world.journals, world.history], [[], []]);
});

Deno.test("virt-aid plan GUEST: what libvirt has for it, and what a start does is what was shown", async () => {
  const world = new World(workstation);
  world.host.guests.set("win11", XML);
  const { stdout } = await virtAid(["plan", "win11"], world);
  await world.libvirt.start(XML);
  const shown = [...stdout.matchAll(/^ *\d+\. (.*)$/gm)].map(([, step]) => step);
  const done = world.log.split("\n").flatMap((line) =>
    /^\S+\tprepare-begin\twin11\tINFO\t(.*): \S+( \S+)?$/.exec(line)?.[1] ?? []
  );
  assertEquals(done.filter((step) => shown.includes(step)), shown);
});

Deno.test("virt-aid plan: refusals and warnings with their hints, status 1", async () => {
  const world = new World(bare);
  const networks = "<interface type='network'><source network='lab'/></interface>";
  world.host.tree.file("/a.xml", guestXml({ name: "evil\u202ename", pci: [GPU, "0000:0f:00.0"], devices: networks }));
  const { code, stdout } = await virtAid(["plan", "/a.xml"], world);
  assertEquals(code, 1);
  assertEquals(stdout.split("\n").filter((line) => !line.startsWith("  hint: ")), [
    "A start of evil\\u{202e}name would be refused, and nothing touched:",
    "refused: the IOMMU is off",
    "refused: there is no PCI device at 0000:0f:00.0",
    "warning: network lab is not active",
    "",
  ]);
  assertEquals(stdout.match(/^ {2}hint: /gm)?.length, 3);
});

Deno.test("virt-aid plan: another guest that has the card is named, the guest itself is not in its own way", async () => {
  const world = fileOf(guestXml({ name: "linux", pci: [GPU] }));
  await world.libvirt.start(XML);
  world.host.tree.file("/root/same.xml", XML);
  const other = await virtAid(["plan", "/root/win11.xml"], world);
  assertStringIncludes(other.stdout, `refused: ${GPU} is in use by guest win11\n`);
  const same = await virtAid(["plan", "/root/same.xml"], world);
  assert(!same.stdout.includes("in use by guest"), same.stdout);
});

Deno.test("virt-aid plan: a guest without devices", async () => {
  const { code, stdout } = await virtAid(["plan", "/root/win11.xml"], fileOf(guestXml({ name: "linux" })));
  assertEquals([code, stdout], [0, "linux has no PCI device of the host: nothing to do.\n"]);
});

const FILES: readonly [what: string, text: string, says: string][] = [
  ["no XML", "hello", "domain XML:1:"],
  ["another kind of XML", "<network><name>default</name></network>", "not the XML of a guest but of a <network>"],
  ["more than 16 MiB", XML + " ".repeat(16 << 20), "has more than 16 MiB"],
];
for (const [what, text, says] of FILES) {
  Deno.test(`virt-aid plan: a file of ${what}`, async () => {
    assertStringIncludes(await complaint(["plan", "/root/win11.xml"], fileOf(text)), says);
  });
}

Deno.test("virt-aid recover: nothing, what was taken back, what runs, what fails", async () => {
  assertEquals((await virtAid(["recover"])).stdout, "There is nothing to take back.\n");
  const world = new World(workstation);
  const start = functionsOf(world.host);
  await world.libvirt.start(guestXml({ name: "win11", pci: [{ address: NIC, managed: false }] }));
  assertEquals((await virtAid(["recover"], world)).stdout, "win11: left: it is running\n");
  world.libvirt.die();
  world.host.processes.kill(world.libvirt.running.get("win11")!.qemu!.pid);
  const fault = world.host.fault({ name: "return-fails" });
  const failed = await world.run("virt-aid", ["recover"]);
  assertMatch(failed.stderr, new RegExp(`^virt-aid: win11: unbind ${NIC} from e1000e was not taken back: `));
  assertEquals([failed.code, failed.stdout, fault.struck > 0], [1, "", true]);
  world.host.heal();
  const done = await world.run("virt-aid", ["recover", "win11"]);
  assertMatch(done.stdout, /^win11: recovered: \d+ steps were taken back\n$/);
  assertEquals([done.code, functionsOf(world.host), world.journals], [0, start, []]);
});
