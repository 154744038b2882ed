/**
 * A program that tries what no program of ours may do, and some of what they may; permissions_test.ts compiles it once with
 * each set of permissions. It prints for each attempt how that ended: `done`, or the name of the error.
 *
 * @module
 */

const NIC = "/run/virt-aid/sys/bus/pci/devices/0000:02:00.0";

const write = (path: string) => () => Deno.writeTextFileSync(path, "1", { create: false });
const create = (path: string) => () => Deno.writeTextFileSync(path, "1");
const read = (path: string) => () => Deno.readTextFileSync(path);
const run = (program: string) => () => new Deno.Command(program, { clearEnv: true }).output();

/** What no set allows. */
const FORBIDDEN: Readonly<Record<string, () => unknown>> = {
  "write /etc": create("/etc/x"),
  "write /root": create("/root/x"),
  "write a hook": create("/etc/libvirt/hooks/qemu.d/x"),
  "write a program of ours": create("/etc/libvirt/hooks/virt-aid/prepare-begin"),
  "write the config": create("/etc/virt-aid/config.xml"),
  "write modprobe.d": create("/etc/modprobe.d/x.conf"),
  "write another device of sysfs": write("/run/virt-aid/sys/class/net/enp3s0/operstate"),
  "write another bus": write("/run/virt-aid/sys/bus/usb/devices/1-1/idVendor"),
  "write past ..": write(`${NIC}/../../../usb/devices/1-1/idVendor`),
  "write a driver": write("/run/virt-aid/sys/bus/pci/drivers/e1000e/new_id"),
  "write a module": write("/run/virt-aid/sys/module/e1000e/parameters/x"),
  "write the view of proc": write("/run/virt-aid/proc/sys/kernel/core_pattern"),
  "write /proc": write("/proc/sys/kernel/core_pattern"),
  "write /sys": write("/sys/bus/pci/devices/0000:02:00.0/driver_override"),
  "read /sys": read("/sys/kernel/uevent_seqnum"),
  "read /proc": read("/proc/1/environ"),
  "read /dev": read("/dev/mem"),
  "read shadow": read("/etc/shadow"),
  "read a key": read("/root/.ssh/id_rsa"),
  "remove": () => Deno.removeSync("/etc/libvirt/qemu.conf"),
  "rename": () => Deno.renameSync("/etc/hostname", "/etc/x"),
  "chmod": () => Deno.chmodSync("/etc/hostname", 0o777),
  "symlink": () => Deno.symlinkSync("/etc/shadow", "/run/virt-aid/guests/x"),
  "environment": () => Deno.env.get("HOME"),
  "network": () => Deno.connect({ hostname: "127.0.0.1", port: 1 }),
  "libvirt's socket": () => Deno.connect({ transport: "unix", path: "/run/libvirt/libvirt-sock" }),
  "foreign function": () => Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", {}),
  "host name": () => Deno.hostname(),
};

/** What only the sets may do that permissions_test.ts names. */
const LIMITED: Readonly<Record<string, () => unknown>> = {
  "run sh": run("/bin/sh"),
  "run env": run("/usr/bin/env"),
  "run tee": run("/usr/bin/tee"),
  "run sudo": run("/usr/bin/sudo"),
  "run a program by name": run("true"),
  "run stat": run("/usr/bin/stat"),
  "override a driver": write(`${NIC}/driver_override`),
  "read sysfs": read(`${NIC}/vendor`),
  "read proc": read("/run/virt-aid/proc/1/comm"),
  "write a journal": create("/run/virt-aid/guests/x"),
  "write the log": create("/var/log/virt-aid/x"),
  "read a hook": read("/etc/libvirt/hooks/qemu.d/win/prepare/begin"),
};

const ends: Record<string, string> = {};
for (const [name, attempt] of Object.entries({ ...FORBIDDEN, ...LIMITED })) {
  try {
    await attempt();
    ends[name] = "done";
  } catch (error) {
    ends[name] = (error as Error).name;
  }
}
console.log(JSON.stringify({ forbidden: Object.keys(FORBIDDEN), ends }));
