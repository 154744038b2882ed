/**
 * What differs between init systems, as data: who is pid 1, what keeps a service, where its processes are, and when it
 * gives up. tests/simulated/services.ts has what they have in common; systemd is in tests/simulated/systemd.ts.
 *
 * @module
 */

import type { InitName } from "../../lib/host/inits/init.ts";
import { dinitctl } from "./commands/dinitctl.ts";
import type { CommandFunction } from "./commands/mod.ts";
import { rcService } from "./commands/rc-service.ts";
import { s6rc, s6svc, s6svstat } from "./commands/s6-rc.ts";
import { sv } from "./commands/sv.ts";
import type { SimulatedHost } from "./host.ts";
import type { ProcessSpec } from "./machine.ts";
import type { Service } from "./services.ts";
import { Link, type Tree } from "./tree.ts";

/** An init system. */
export interface InitSystem {
  /** Pid 1, and what else it needs. */
  readonly processes: readonly ProcessSpec[];
  /** Control group of a service's processes; without a name, of programs that belong to none. */
  readonly cgroup: (service?: string) => string;
  /** Files and folders that are there; a path that ends in `/` is a folder. */
  readonly files: Readonly<Record<string, string>>;
  /** Its own programs. */
  readonly commands: Readonly<Record<string, CommandFunction>>;
  /** The process that is the parent of a service; without it, pid 1. */
  readonly supervisor?: (service: string) => ProcessSpec;
  /** A service that ends by itself is started again, where it says nothing else. */
  readonly restarts?: true;
  /** What happens when a service has not ended so many milliseconds after TERM; without it, nothing ever. */
  readonly late?: { readonly ms: number; readonly what: "kill" | "give up" };
  /** The host begins to go down: what can be seen of that. */
  readonly shutDown: (host: SimulatedHost) => void;
  /** Shows the state of a service in files. */
  readonly show?: (tree: Tree, service: Service) => void;
}

/** Where s6-rc has the folders of services. */
const SERVICEDIRS = "/run/s6-rc:s6-rc-init:gbKnNk/servicedirs";
/** Where runsvdir is. */
const RUNSVDIR = 310;
/** What udev is without systemd. */
const udevd: ProcessSpec = { pid: 300, comm: "udevd", args: ["/sbin/udevd", "--daemon"], cgroup: "/" };

/** Folders of OpenRC in which services have links, by their states here; a service that has crashed stays started. */
const OPENRC_FOLDERS: Readonly<Record<Service["state"], string | undefined>> = {
  up: "started",
  starting: "starting",
  stopping: "stopping",
  waiting: "started",
  down: undefined,
};

/** All of them. */
export const INIT_SYSTEMS: Readonly<Record<InitName, InitSystem>> = {
  systemd: {
    processes: [
      { pid: 1, comm: "systemd", args: ["/usr/lib/systemd/systemd"], cgroup: "/init.scope" },
      {
        pid: 300,
        comm: "systemd-udevd",
        args: ["/usr/lib/systemd/systemd-udevd"],
        cgroup: "/system.slice/systemd-udevd.service",
      },
      {
        pid: 400,
        comm: "systemd-logind",
        args: ["/usr/lib/systemd/systemd-logind"],
        cgroup: "/system.slice/systemd-logind.service",
      },
    ],
    cgroup: (service) => service === undefined ? "/system.slice" : `/system.slice/${service}.service`,
    files: { "/run/systemd/system/": "", "/run/systemd/sessions/": "" },
    commands: {},
    shutDown: ({ systemd }) => void (systemd.state = "stopping"),
  },
  OpenRC: {
    processes: [{ pid: 1, comm: "init", args: ["init [3]"], cgroup: "/" }, udevd],
    cgroup: (service) => service === undefined ? "/" : `/openrc.${service}`,
    files: {
      "/run/openrc/softlevel": "default",
      ...Object.fromEntries(
        ["started", "starting", "stopping", "inactive", "failed"].map((name) => [`/run/openrc/${name}/`, ""]),
      ),
    },
    commands: { "/sbin/rc-service": rcService },
    late: { ms: 5_000, what: "give up" },
    shutDown({ tree }) {
      tree.file("/run/openrc/softlevel", "shutdown");
      tree.file("/run/openrc/rc.stopping", "");
    },
    show(tree, { state, spec: { name, processes: [main] } }) {
      for (const folder of new Set(Object.values(OPENRC_FOLDERS))) {
        if (folder) tree.drop(`/run/openrc/${folder}/${name}`);
      }
      const folder = OPENRC_FOLDERS[state];
      if (folder) tree.put(`/run/openrc/${folder}/${name}`, new Link(`/etc/init.d/${name}`));
      const supervised = main?.role === "supervisor";
      if (state === "down") {
        for (const notes of ["daemons", "options"]) tree.drop(`/run/openrc/${notes}/${name}`);
      } else if (state === "up" && main) {
        const program = supervised ? main.args!.at(-1) : main.args![0];
        tree.file(`/run/openrc/daemons/${name}/001`, `exec=${program}\npidfile=/run/${name}.pid\n`);
        if (supervised) tree.file(`/run/openrc/options/${name}/child_pid`, "1");
      }
    },
  },
  runit: {
    processes: [
      { pid: 1, comm: "runit", args: ["runit"], cgroup: "/" },
      udevd,
      { pid: RUNSVDIR, comm: "runsvdir", args: ["runsvdir", "-P", "/run/runit/service", "log: "], cgroup: "/" },
    ],
    cgroup: () => "/",
    files: { "/run/runit/": "" },
    commands: { "/usr/bin/sv": sv },
    shutDown: ({ processes }) => void processes.spawn({ comm: "3", args: ["/bin/sh", "/etc/runit/3"] }),
    supervisor: (service) => ({ comm: "runsv", args: ["runsv", service], parent: RUNSVDIR }),
    restarts: true,
  },
  s6: {
    processes: [
      { pid: 1, comm: "s6-svscan", args: ["s6-svscan", "-X3", "--", "/run/service"], cgroup: "/" },
      udevd,
    ],
    cgroup: () => "/",
    files: { "/run/service/": "", "/run/s6-rc/": "" },
    commands: { "/usr/bin/s6-rc": s6rc, "/usr/bin/s6-svc": s6svc, "/usr/bin/s6-svstat": s6svstat },
    shutDown({ processes }) {
      const args = ["s6-linux-init-shutdownd", "-d3", "-c", "/etc/s6/current", "-g", "3000"];
      const { pid } = processes.spawn({ comm: "s6-linux-init-s", args });
      const script = "/etc/s6/current/scripts/rc.shutdown";
      processes.spawn({ comm: "rc.shutdown", args: ["/bin/sh", "-e", script, "reboot"], parent: pid });
    },
    supervisor: (service) => ({
      comm: "s6-supervise",
      args: ["s6-supervise", service],
      cwd: `${SERVICEDIRS}/${service}`,
    }),
    restarts: true,
  },
  dinit: {
    processes: [{ pid: 1, comm: "dinit", args: ["dinit"], cgroup: "/" }, udevd],
    cgroup: () => "/",
    files: {},
    commands: { "/usr/bin/dinitctl": dinitctl },
    late: { ms: 10_000, what: "kill" },
    shutDown: ({ services }) => services.shutDown(),
  },
};

/** elogind, which keeps sessions without systemd. */
export const ELOGIND: ProcessSpec = { pid: 400, comm: "elogind-daemon", args: ["elogind-daemon"], cgroup: "/" };
