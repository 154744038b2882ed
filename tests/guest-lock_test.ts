import { assert, assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../lib/errors.ts";
import { lockGuest, PATIENCE_MS } from "../lib/guest-lock.ts";
import { INTERRUPTED, JOURNALS } from "../lib/journal.ts";
import { GPU, hostOf, on } from "./on-host.ts";
import type { SimulatedHost } from "./simulated/host.ts";
import type { SimulatedSystem } from "./simulated/process.ts";

const UUID = "8bd0c0a3-6f0e-4a51-9d3c-0a5b7e1c2d3f";
const LOCK = `${JOURNALS}/${UUID}.lock`;
const OURS = "/etc/libvirt/hooks/virt-aid/release-end";

/** A program that has the lock and keeps it for so long. */
async function holds(host: SimulatedHost, ms: number, program = OURS): Promise<SimulatedSystem> {
  const has = Promise.withResolvers<void>();
  const system = host.start(async (system) => {
    await lockGuest(system, UUID, PATIENCE_MS);
    has.resolve();
    await system.until(() => false, ms);
    return 0;
  }, { program });
  await has.promise;
  return system;
}

/** A program that has the lock and sits in the kernel, until the driver answers. */
async function hangs(host: SimulatedHost): Promise<void> {
  const system = host.start(async (system) => {
    await lockGuest(system, UUID, PATIENCE_MS);
    host.pci.at(GPU).stuck = true;
    system.read(`/sys/bus/pci/devices/${GPU}/driver_override`);
    return 0;
  }, { program: OURS });
  assertEquals((await system.ended).ended, "stuck");
}

/** The driver answers after all: who sits in the kernel comes back, and one that was killed is gone. */
function answers(host: SimulatedHost): void {
  host.pci.at(GPU).stuck = false;
  host.processes.settle();
}

const locks = (host: SimulatedHost) =>
  Object.keys(host.tree.texts(JOURNALS)).map((path) => path.slice(JOURNALS.length + UUID.length + 1));

Deno.test("a free lock is had at once, names its holder, and is free again afterwards", async () => {
  const host = hostOf();
  await on(host, async (system) => {
    const lock = await lockGuest(system, UUID, PATIENCE_MS);
    assertEquals([lock.hung, system.read(LOCK)], [false, `${system.pid}\n`]);
    lock.release();
    assertEquals(host.locks.holders(), []);
    assert(system.now() < 50);
  });
  assertEquals(locks(host), [".lock"], "a file that is locked is never removed");
});

Deno.test("another program of ours that comes to its end in time is waited for", async () => {
  const host = hostOf();
  const other = await holds(host, 2_000);
  await on(host, async (system) => {
    assertEquals((await lockGuest(system, UUID, PATIENCE_MS)).hung, false);
    assert(system.now() > 1_900);
  });
  assertEquals((await other.ended).ended, "exit");
});

Deno.test("one that does not is killed", async () => {
  const host = hostOf();
  const other = await holds(host, 60_000);
  await on(host, async (system) => {
    assertEquals((await lockGuest(system, UUID, PATIENCE_MS)).hung, false);
    assert(system.now() > 3_000 && system.now() < 5_000);
  });
  assertEquals((await other.ended).ended, "killed");
});

Deno.test("one that sits in the kernel is killed and taken over from, each time under the next lock", async () => {
  const host = hostOf();
  await hangs(host);
  await hangs(host);
  await on(host, async (system) => assertEquals((await lockGuest(system, UUID, PATIENCE_MS)).hung, true));
  assertEquals(locks(host).sort(), [".lock", ".takeover-2.lock", ".takeover.lock"]);
});

Deno.test("so many that sit in the kernel end in an error that says to reboot", async () => {
  const host = hostOf();
  for (let n = 0; n < 16; n++) await hangs(host);
  await on(host, async (system) => {
    const error = await assertRejects(
      () => lockGuest(system, UUID, PATIENCE_MS),
      AidError,
      "16 programs sit in the kernel",
    );
    assert(error.hint?.includes("reboot"));
  });
});

Deno.test("a holder that is none of our programs is named and never killed", async () => {
  const host = hostOf();
  const other = await holds(host, 20_000, "/usr/bin/flock");
  await on(host, async (system) => {
    const error = await assertRejects(
      () => lockGuest(system, UUID, PATIENCE_MS),
      AidError,
      `${LOCK} is held by process ${other.pid}`,
    );
    assertEquals(error.hint, `end process ${other.pid}`);
  });
  assertEquals((await other.ended).ended, "exit");
});

Deno.test("a killed holder frees the lock without a wait", async () => {
  const host = hostOf();
  const other = await holds(host, 60_000);
  host.processes.kill(other.pid);
  await on(host, async (system) => {
    assertEquals((await lockGuest(system, UUID, PATIENCE_MS)).hung, false);
    assert(system.now() < 200);
  });
});

Deno.test("one that went on under the next lock is the only one still when the dead one comes back", async () => {
  const host = hostOf();
  await hangs(host);
  const second = await holds(host, 2_000);
  answers(host);
  await on(host, async (system) => {
    const lock = await lockGuest(system, UUID, PATIENCE_MS);
    assertEquals([lock.hung, host.processes.all.has(second.pid)], [false, false], "it was waited for");
    assertEquals(host.locks.holders(), [system.pid, system.pid]);
    lock.release();
    assertEquals(host.locks.holders(), []);
  });
  assertEquals((await second.ended).ended, "exit");
});

Deno.test("the same, where the first lock is had by another in the moment in which the next one is made", async () => {
  const host = hostOf();
  await hangs(host);
  let other: SimulatedSystem | undefined;
  await on(host, async (system) => {
    const { lock } = system;
    system.lock = async (path, ms) => {
      if (path.endsWith(".takeover.lock") && !other) {
        answers(host);
        other = await holds(host, 2_000);
      }
      return await lock.call(system, path, ms);
    };
    assertEquals((await lockGuest(system, UUID, PATIENCE_MS)).hung, false);
    assertEquals(host.processes.all.has(other!.pid), false, "it was waited for");
  });
  assertEquals((await other!.ended).ended, "exit");
});

Deno.test("who may not be taken from is let go on, and no lock is kept", async () => {
  const host = hostOf();
  await hangs(host);
  const other = await holds(host, 5_000);
  answers(host);
  await on(host, async (system) => {
    assertEquals(await lockGuest(system, UUID, 1_000, () => false), undefined);
    assertEquals(host.locks.holders(), [other.pid]);
  });
  assertEquals((await other.ended).ended, "exit");
});

for (const [program, note] of [["virt-aid", ""], ["release-end", undefined]] as const) {
  Deno.test(`${program} is killed: ${note === undefined ? "nothing is noted" : "the rest of its guests is noted"}`, async () => {
    const host = hostOf();
    await holds(host, 60_000, OURS.replace("release-end", program));
    await on(host, (system) => lockGuest(system, UUID, PATIENCE_MS));
    assertEquals(host.tree.texts(JOURNALS)[INTERRUPTED], note);
  });
}
