// Compiled programs cannot do what is not in their set, as root and with every file system call at hand.

import { assertEquals } from "@std/assert";
import { FLAGS, PROGRAMS } from "../../tools/programs.ts";
import { workstation } from "../simulated/machines.ts";
import { TestMachine } from "./machine.ts";

/** What a set may do of what most may not. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  dispatch: ["write the log", "read a hook"],
  prepare: ["run stat", "override a driver", "read sysfs", "read proc", "write a journal", "write the log"],
  started: ["read sysfs", "read proc", "write a journal", "write the log"],
  release: ["override a driver", "read sysfs", "read proc", "write a journal", "write the log"],
  scripts: ["run sh", "run env", "run tee", "run sudo", "run a program by name", "run stat", "read a hook"],
  operator: ["run stat", "override a driver", "read sysfs", "read proc", "write a journal", "write the log"],
};

/** Compiles the probe with a set, as tools/compile.ts compiles the programs; gives its path. */
async function compile(set: string, folder: string): Promise<string> {
  const probe = new URL("probe.ts", import.meta.url).pathname;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const output = `${folder}/${set}`;
  const args = ["compile", "-q", "--config", config, `-P=${set}`, ...FLAGS, "-o", output, probe];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return output;
}

Deno.test("no set allows more than it says", async (t) => {
  await using machine = await TestMachine.up(workstation);
  machine.script("qemu.d/win/prepare/begin", "true");
  await machine.ns.bash(`mkdir -p /run/virt-aid/guests /run/virt-aid/proc /var/log/virt-aid
    mount -t proc proc /run/virt-aid/proc`);
  const folder = await Deno.makeTempDir({ dir: new URL("../../build", import.meta.url).pathname });
  try {
    for (const set of new Set(PROGRAMS.map((program) => program.permissions))) {
      const probe = await compile(set, folder);
      await t.step(set, async () => {
        const { stdout, stderr } = await machine.ns.run(probe);
        assertEquals(stderr, "");
        const { forbidden, ends } = JSON.parse(stdout) as { forbidden: string[]; ends: Record<string, string> };
        const possible = Object.keys(ends).filter((name) => ends[name] !== "NotCapable");
        assertEquals(possible.filter((name) => forbidden.includes(name)), []);
        assertEquals(possible.sort(), [...MAY[set]!].sort());
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
