import { assertEquals, assertRejects } from "@std/assert";
import { AidError } from "../lib/errors.ts";
import { ensureViews } from "../lib/views.ts";
import { on } from "./on-host.ts";
import { SimulatedHost } from "./simulated/host.ts";
import { workstation } from "./simulated/machines.ts";

const FOLDERS = ["/run/virt-aid", "/run/virt-aid/sys", "/run/virt-aid/proc", "/run/virt-aid/guests"];

/** Has the host count what it is asked to run. */
function counting(): { host: SimulatedHost; ran: string[] } {
  const host = new SimulatedHost(workstation);
  const ran: string[] = [];
  for (const [path, act] of host.commands) {
    host.commands.set(path, (host, args, stdin) => {
      ran.push([path, ...args].join(" "));
      return act(host, args, stdin);
    });
  }
  return { host, ran };
}

Deno.test("both mounts are made in folders that root alone can enter; the second time it costs nothing", async () => {
  const { host, ran } = counting();
  await on(host, async (system) => {
    await ensureViews(system);
    assertEquals(FOLDERS.map((path) => system.info(path)?.mode), [0o700, 0o700, 0o700, 0o700]);
    assertEquals(system.read("/proc/1/comm"), "systemd\n");
    const options = "-o nosuid,nodev,noexec";
    assertEquals(ran, [
      `/usr/bin/mkdir -p -m 0700 -- ${FOLDERS.join(" ")}`,
      `/usr/bin/mount -t sysfs ${options} sysfs /run/virt-aid/sys`,
      `/usr/bin/mount -t proc ${options} proc /run/virt-aid/proc`,
    ]);
    await ensureViews(system);
    assertEquals(ran.length, 3);
  });
});

Deno.test("a mount that is gone is made again, the other is left alone", async () => {
  const { host, ran } = counting();
  await on(host, ensureViews);
  host.mounted.delete("proc");
  ran.length = 0;
  await on(host, ensureViews);
  assertEquals(ran.map((line) => line.split(" ").at(-1)), ["/run/virt-aid/proc"]);
});

Deno.test("programs that start at the same time make each mount once", async () => {
  const { host, ran } = counting();
  await Promise.all([1, 2, 3, 4].map(() => on(host, ensureViews)));
  assertEquals(ran.filter((line) => line.startsWith("/usr/bin/mount")).length, 2);
  assertEquals(host.locks.holders(), []);
});

Deno.test("folders that another program makes between two looks are no error", async () => {
  const { host, ran } = counting();
  await on(host, async (system) => {
    const racing = new Proxy(system, {
      get: (target, name) => {
        const value = Reflect.get(target, name);
        if (name !== "info") return typeof value === "function" ? value.bind(target) : value;
        return (path: string) => {
          const found = target.info(path);
          if (path === FOLDERS.at(-1)) { for (const folder of FOLDERS) host.tree.folder(folder).mode = 0o700; }
          return found;
        };
      },
    });
    await ensureViews(racing);
  });
  assertEquals(ran[0], `/usr/bin/mkdir -p -m 0700 -- ${FOLDERS.join(" ")}`);
});

Deno.test("a mount that cannot be made is an error that says which, and frees the lock", async () => {
  const table = [
    [{ code: 32, stderr: "mount: permission denied.\nmore" }, "mount: permission denied."],
    [{ code: 1 }, "status 1"],
    [undefined, "missing"],
  ] as const;
  for (const [done, said] of table) {
    const host = new SimulatedHost(workstation);
    if (done) host.commands.set("/usr/bin/mount", () => done);
    else host.commands.delete("/usr/bin/mount");
    const error = await assertRejects(() => on(host, ensureViews), AidError, said);
    assertEquals(error.hint, "run as root, outside of a container");
    assertEquals(host.locks.holders(), []);
  }
});

Deno.test("a program that hangs while it mounts is waited for, but not without an end", async () => {
  const host = new SimulatedHost(workstation);
  host.tree.folder("/run/virt-aid");
  const holder = host.start(async (system) => {
    await system.lock("/run/virt-aid/views.lock", 0);
    await system.until(() => false, 60_000);
    return 0;
  }, { program: "/usr/bin/holder" });
  await on(host, async (system) => {
    await system.until(() => host.locks.holders().includes(holder.pid), 1_000);
    await assertRejects(() => ensureViews(system), AidError, "has been mounting");
  });
});
