/**
 * A desktop that somebody has started on a text console: a compositor or X, with logind, with elogind, and with seatd where
 * nobody keeps sessions. It goes when a guest takes its card; who is logged in elsewhere stays, of the same user too.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { SessionSpec } from "../simulated/desktop.ts";
import { ANN } from "../simulated/desktops/parts.ts";
import { gettyOf, logIn, type OnTty, PROGRAMS, serveSeat, SHOWING, withTty } from "../simulated/desktops/tty.ts";
import { chances, type Fault } from "../simulated/faults.ts";
import { singleGpu } from "../simulated/gpu-machines.ts";
import { guestXml } from "../simulated/guests.ts";
import type { ProcessSpec } from "../simulated/machine.ts";
import { functionsOf, snapshot } from "../simulated/snapshot.ts";
import { startTogether } from "../simulated/together.ts";
import { World } from "./world.ts";

const CARD = "0000:03:00.0";
const XML = guestXml({ name: "win11", pci: [CARD, "0000:03:00.1"] });

const INITS = ["systemd", "OpenRC", "runit"] as const;
const SEATS = ["logind", "seatd"] as const;

/** A desktop on one of them. */
interface Case extends OnTty {
  readonly init: typeof INITS[number];
}

const ALL: readonly Case[] = INITS.flatMap((init) =>
  SEATS.flatMap((seat) =>
    (Object.keys(PROGRAMS) as OnTty["program"][]).flatMap((program) =>
      (["by itself", "by hand"] as const).map((login) => ({
        init,
        seat,
        program,
        login,
        xwayland: true as const,
      }))
    )
  )
);

/** What ssh -X has in its environment. */
const FORWARDED = { DISPLAY: "localhost:10.0", SSH_CONNECTION: "192.0.2.1 50000 192.0.2.2 22" } as const;

/** A login over ssh of the same user: where nobody keeps sessions it is a part of the daemon's service, or of nothing. */
const SSH: readonly ProcessSpec[] = [
  { comm: "sshd", args: ["sshd: ann@pts/0"], uid: 0 },
  { comm: "fish", args: ["-fish"], startedBy: "sshd", tty: "pts/0", env: FORWARDED },
];
const SSHD = { systemd: "/system.slice/ssh.service", OpenRC: "/openrc.sshd", runit: "/" } as const;
const REMOTE: SessionSpec = {
  ...{ id: "5", ...ANN, class: "user", type: "tty", tty: "pts/0", remote: true, service: "sshd" },
  processes: SSH,
};

/** Processes by their names. */
const named = ({ host }: World, ...names: readonly string[]) =>
  [...host.processes.all.values()].filter(({ spec }) => names.includes(spec.comm));

/** Names of those who have the card open, each once. */
function users(world: World): string[] {
  const { processes, pci } = world.host;
  return [...new Set(pci.users(pci.at(CARD)).map((pid) => processes.all.get(pid)!.spec.comm))].sort();
}

/** Waits for something that comes by itself. */
async function until(world: World, what: () => boolean): Promise<void> {
  const program = { program: "/usr/bin/wait" };
  const waits = world.host.start(async (system) => await system.until(what, 120_000) ? 0 : 1, program);
  assertEquals((await waits.ended).code, 0, world.log);
}

/** Waits until the desktop is there, with all that it starts. */
async function shown(world: World, { program, seat }: OnTty): Promise<void> {
  const { comm } = PROGRAMS[program];
  await until(world, () => named(world, comm).length === 1 && named(world, "(fork)").length === 0);
  if (seat === "seatd" && comm !== "Xorg") serveSeat(world.host, "/dev/dri/card0");
}

/** State of the login prompt's service. */
const stateOf = (world: World, on: OnTty) => snapshot(world.host).units[gettyOf(on)];

/** A machine with such a desktop, and with the same user logged in over ssh. */
async function worldOf(on: Case, faults: readonly Fault[] = [], more?: ProcessSpec): Promise<World> {
  const machine = withTty(singleGpu, on, CARD);
  const remote = on.seat === "logind" ? [REMOTE] : [];
  const world = new World({ ...machine, sessions: [...machine.sessions!, ...remote] }, faults);
  const { host } = world;
  if (on.seat === "seatd") startTogether(host, SSH, { parent: 1, cgroup: SSHD[on.init], uid: ANN.uid });
  if (on.login === "by hand") logIn(host, on, CARD);
  await shown(world, on);
  const [above] = named(world, PROGRAMS[on.program].comm);
  if (more) host.processes.spawn({ ...more, parent: above!.pid, cgroup: above!.cgroup, uid: ANN.uid });
  return world;
}

/** What is above a login, and stays or comes back with the prompt. */
const ABOVE = /^(agetty|supervise-daemo|\(fork\))$/;

/** Names of the desktop's processes. */
const partsOf = (on: OnTty) => {
  const { sessions = [], units = [], services = [] } = withTty(singleGpu, { ...on, login: "by itself" }, CARD);
  const getty = [...units, ...services].find(({ name }) => name === gettyOf(on))!;
  return [...sessions, getty].flatMap(({ processes }) => processes ?? []).map(({ comm }) => comm)
    .filter((comm) => !ABOVE.test(comm));
};

for (const on of ALL) {
  const { init, seat, program, login } = on;
  const what = `${program} on a text console of ${init} with ${seat}, login ${login}`;
  Deno.test(`${what}: the guest gets the card, twice, and the prompt is back`, async () => {
    const world = await worldOf(on);
    const { functions, units } = snapshot(world.host);
    const before = users(world);
    assert(before.includes(PROGRAMS[program].comm));
    for (let time = 1; time <= 2; time++) {
      const started = await world.libvirt.start(XML);
      assertEquals([started.state, world.host.harms], ["running", []], `${started.says}\n${world.log}`);
      assertEquals([users(world), named(world, ...partsOf(on)).map(({ spec }) => spec.comm)], [
        ["qemu-system-x86"],
        [],
      ]);
      assertEquals(named(world, "fish", "sshd").length, 2, "who is logged in elsewhere stays");
      await world.libvirt.stop("win11");
      await world.settled();
      if (login === "by hand") {
        await until(world, () => named(world, "agetty").length === 1);
        assertEquals([users(world), named(world, "login")], [[], []]);
        logIn(world.host, on, CARD);
      }
      await shown(world, on);
      const now = snapshot(world.host);
      assertEquals([now.functions, now.units, now.harms, world.journals], [functions, units, [], []], world.log);
      assertEquals(users(world), before);
    }
  });
}

/** A program of the desktop that has the card open and ends with KILL alone. */
const STUBBORN: ProcessSpec = {
  ...{ comm: "obs", args: ["obs"], ignoresTerm: true },
  ...{ open: ["/dev/dri/renderD128"], env: SHOWING },
};

for (const init of INITS) {
  for (const seat of SEATS) {
    const on: Case = { init, seat, program: "sway", login: "by itself" };
    // systemd waits for what is in the control group of the prompt's service, longer than a start may take
    const refused = init === "systemd" && seat === "seatd";
    Deno.test(`sway on ${init} with ${seat}: a program that ignores TERM ${refused ? "refuses the start" : "is killed"}`, async () => {
      const world = await worldOf(on, [], STUBBORN);
      const { state, says } = await world.libvirt.start(XML);
      assertEquals([state, world.host.harms], [refused ? "shut off" : "running", []], says);
      await until(world, () => named(world, "obs").length === 0);
      if (!refused) return assertEquals(users(world), ["qemu-system-x86"]);
      assertStringIncludes(says, `${gettyOf(on)} does not stop; everything was put back`);
      await shown(world, on);
      assertEquals([users(world).includes("sway"), stateOf(world, on), world.journals], [true, "active", []]);
    });
  }
}

for (
  const [init, seat] of [["systemd", "logind"], ["systemd", "seatd"], ["OpenRC", "seatd"], ["runit", "logind"]] as const
) {
  const on: Case = { init, seat, program: "sway", login: "by itself" };
  Deno.test(`sway on ${init} with ${seat}: killed at any entry of the journal, it comes back`, async () => {
    const life = async (faults: readonly Fault[]) => {
      const world = await worldOf(on, faults);
      const before = functionsOf(world.host);
      await world.libvirt.start(XML);
      if (world.libvirt.running.has("win11")) await world.libvirt.stop("win11");
      await world.settled();
      world.host.heal();
      return { world, before };
    };
    const { host: { operations } } = (await life([])).world;
    const name = "killed-after-journal-write";
    for (let at = 1; at <= chances(name, operations); at++) {
      const { world, before } = await life([{ name, at }]);
      const { code, stderr } = await world.run("virt-aid", ["recover"]);
      const after = [code, functionsOf(world.host), world.host.harms, world.journals];
      assertEquals(after, [0, before, [], []], `at ${at}: ${stderr}`);
      await shown(world, on);
      assertEquals([users(world).includes("sway"), named(world, "fish").length], [true, 1], `at ${at}`);
    }
  });
}
