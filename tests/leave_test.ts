import { assertEquals } from "@std/assert";
import { DEFAULT_CONFIG } from "../lib/config.ts";
import type { Desktop } from "../lib/host/desktop.ts";
import type { Holder } from "../lib/host/holders.ts";
import { type Host, readHost } from "../lib/host/mod.ts";
import { type Owner, ownerName } from "../lib/host/owners.ts";
import type { Session } from "../lib/host/logind.ts";
import { type Leave, leaveOf } from "../lib/leave.ts";
import { targetsOf } from "../lib/preflight/targets.ts";
import { parseDomain } from "../lib/domain.ts";
import { questionFor } from "../lib/plan.ts";
import { GPU, hostOf, on, SOUND } from "./on-host.ts";
import { guestXml } from "./simulated/guests.ts";

const IGPU = "0000:00:02.0";
const DOMAIN = parseDomain(guestXml({ name: "win11", pci: [GPU] }));
const HOST = await on(hostOf(), (system) => readHost(system, questionFor(DOMAIN, DEFAULT_CONFIG)));

const session = (id: string, more: Partial<Session> = {}): Session => (
  { id, user: "ann", uid: 1000, seat: "seat0", tty: "tty2", type: "wayland", remote: false, closing: false, ...more }
);
const DESKTOP: Desktop = {
  manager: { name: "gdm.service", state: "active" },
  sessions: [session("2")],
  gettys: {},
  autologins: [],
  units: {},
  services: {},
  init: "systemd",
};

let pid = 100;
const holder = (owner: Owner, node: string | undefined = "/dev/dri/card1", address = GPU): Holder => (
  { address, pid: pid++, name: "program", user: "ann", start: "1", node, owner }
);
const inSession = (id: string): Owner => ({ kind: "session", id });
const inUnit = (unit: string, uid = 1000): Owner => ({ kind: "user-unit", uid, unit });
const service = (unit: string): Owner => ({ kind: "service", unit });

/** Decides; `desktop` differs from a GNOME at the machine, `more` from the workstation. */
function leave(
  holders: readonly Holder[],
  desktop: Partial<Desktop> = {},
  policy: Partial<typeof DEFAULT_CONFIG> = {},
  more: Partial<Host> = {},
) {
  const host = { ...HOST, holders, desktop: { ...DESKTOP, ...desktop }, ...more };
  return leaveOf({ host, targets: targetsOf(DOMAIN, host), ...DEFAULT_CONFIG, ...policy });
}

/** Who goes, in short. */
const short = ({ desktop, services, units, sessions, processes, staying }: Leave) => ({
  ...desktop ? { desktop } : {},
  ...services.length ? { services } : {},
  ...units.length ? { units: units.map(({ unit, alone }) => alone ? `${unit} alone` : unit) } : {},
  ...sessions.length ? { sessions: sessions.map(({ id }) => id) } : {},
  ...processes.length ? { processes: processes.map(({ owner }) => ownerName(owner)) } : {},
  ...staying.length ? { staying: staying.map(({ holder, why }) => why ?? ownerName(holder.owner)) } : {},
});

Deno.test("nobody has it open: the desktop stays", () => {
  assertEquals(short(leave([])), {});
});

Deno.test("the desktop is on the card: display manager, graphical sessions and the units of their users go", () => {
  const shell = holder(inUnit("org.gnome.Shell@wayland.service"));
  assertEquals(short(leave([shell, holder(service("systemd-logind.service"))])), {
    desktop: true,
    units: ["org.gnome.Shell@wayland.service"],
    sessions: ["2"],
  });
  assertEquals(short(leave([holder(inSession("2"))])), { desktop: true, sessions: ["2"] });
  assertEquals(short(leave([holder(service("gdm.service"))])), { desktop: true, sessions: ["2"] }, "its login screen");
});

Deno.test("the desktop is on another card: it stays, and that one is named", () => {
  const found = leave([holder(inSession("2"), "/dev/dri/card0", IGPU)]);
  assertEquals(short(found), {});
  assertEquals(found.cards, [IGPU]);
});

Deno.test("who has only sound or i2c open goes alone, as long as the desktop stays", () => {
  const audio = holder(inUnit("wireplumber.service"), "/dev/snd/controlC1", SOUND);
  const power = holder(inUnit("plasma-powerdevil.service"), "/dev/i2c-4");
  const both = ["wireplumber.service alone", "plasma-powerdevil.service alone"];
  assertEquals(short(leave([audio, power])), { units: both });
  const all = [audio, power, holder(inSession("2"))];
  assertEquals(short(leave(all)), { desktop: true, units: both, sessions: ["2"] });
  const more = holder(inUnit("plasma-powerdevil.service"));
  assertEquals(short(leave([power, more])).units, ["plasma-powerdevil.service"], "it has the card open too");
});

Deno.test("a session that began on a text console goes where it has the card open, and no other one there", () => {
  const sessions = [session("1", { type: "tty", tty: "tty1" }), session("3", { type: "tty", tty: "tty3" })];
  const found = leave([holder(inSession("1"))], {
    manager: undefined,
    sessions,
    gettys: { tty1: "getty@tty1.service" },
  });
  assertEquals(short(found), { desktop: true, sessions: ["1"] });
});

Deno.test("a graphical session at another seat stays", () => {
  const sessions = [session("2"), session("5", { seat: "seat1", uid: 1001, user: "bob" })];
  assertEquals(short(leave([holder(inSession("2"))], { sessions })), { desktop: true, sessions: ["2"] });
});

Deno.test("a remote login, a user who is not there, other services, guests and strangers stay, and refuse the start", () => {
  const sessions = [session("2"), session("9", { seat: undefined, tty: undefined, type: "tty", remote: true })];
  const strangers = [
    holder(inSession("9")),
    holder(inUnit("ollama.service", 1001)),
    holder(service("ollama.service")),
    holder({ kind: "guest" }),
    holder({ kind: "none" }),
  ];
  const staying = [
    "it belongs to the remote login 9 of ann",
    "it runs for user ann, who has no session at the machine",
    "ollama.service",
    "another guest uses it",
    "no session and no service",
  ];
  assertEquals(short(leave(strangers, { sessions })), { staying });
  assertEquals(short(leave([...strangers, holder(inSession("2"))], { sessions })), {
    desktop: true,
    sessions: ["2"],
    staying,
  });
});

Deno.test("a user's manager itself is never stopped", () => {
  const found = leave([holder(inSession("2")), holder(inUnit("init.scope"))]);
  assertEquals(short(found), { desktop: true, sessions: ["2"], staying: ["init.scope of user 1000"] });
});

Deno.test("holders='terminate' ends strangers, never a guest nor what cannot be looked into", () => {
  const desktop = { ...DEFAULT_CONFIG.desktop, holders: "terminate" as const };
  const found = leave(
    [holder({ kind: "none" }), holder({ kind: "guest" }), { ...holder({ kind: "none" }), node: undefined }],
    {},
    { desktop },
  );
  assertEquals(short(found), {
    processes: ["no session and no service"],
    staying: ["another guest uses it", "no session and no service"],
  });
});

Deno.test("a process that cannot be looked into goes with its session, and stays where that does", () => {
  const unknown = { ...holder(inSession("2")), node: undefined };
  assertEquals(short(leave([unknown])), { staying: ["session 2"] });
  assertEquals(short(leave([unknown, holder(inSession("2"))])), { desktop: true, sessions: ["2"] });
});

Deno.test("services of the list are stopped where they run, whether they have it open or not", () => {
  const services = {
    "ollama.service": "ollama.service",
    "alias.service": "real.service",
    "nvidia-persistenced.service": "nvidia-persistenced.service",
  };
  const asked = ["ollama.service", "alias.service"];
  const found = leave([service("ollama.service"), service("real.service")].map((it) => holder(it)), { services }, {
    services: asked,
  });
  assertEquals(
    short(found),
    { services: ["ollama.service", "real.service"] },
    "the other one belongs to a driver that the card is not on",
  );
});

/** GDM on its way. */
const STARTING = { manager: { name: "gdm.service", state: "starting" } } as const;
/** The host without one of the cards that are left: where it is with vfio, or another guest has it. */
const without = (address: string, more: Partial<Host> = {}): Partial<Host> => ({
  displays: HOST.displays.map((one) => one.address === address ? { ...one, card: false } : one),
  ...more,
});

Deno.test("a display manager that is still starting goes for a moment where a card is left, and no session with it", () => {
  const found = leave([], STARTING);
  assertEquals([short(found), found.manager], [{}, { name: "gdm.service", again: true }]);
  assertEquals(found.cards.toSorted(), [IGPU, GPU], "it may open any of them");
});

Deno.test("a display manager that is still starting will take the only card: it goes", () => {
  for (const more of [without(IGPU), { claims: { [IGPU]: "linux" } }]) {
    const found = leave([], { ...STARTING, sessions: [] }, {}, more);
    assertEquals([short(found), found.cards], [{ desktop: true }, [GPU]]);
    assertEquals(found.manager, { name: "gdm.service", again: false });
  }
});

Deno.test("a display manager that is still starting and has the card open already goes with the desktop", () => {
  const found = leave([holder(service("gdm.service"))], STARTING);
  assertEquals([short(found), found.manager?.again], [{ desktop: true, sessions: ["2"] }, false]);
});

Deno.test("a display manager that is up and shows nothing yet is about to, on the only card that the host has", () => {
  assertEquals(short(leave([])), {}, "on the card of the boot");
  assertEquals(short(leave([], {}, {}, without(IGPU))), { desktop: true, sessions: ["2"] });
});

Deno.test("restart='yes': the display manager starts again where a card is left that is the host's", () => {
  const policy = { desktop: { ...DEFAULT_CONFIG.desktop, restart: true } };
  const again = (more?: Partial<Host>, desktop: Partial<Desktop> = {}) =>
    leave([holder(inSession("2"))], desktop, policy, more).manager?.again;
  assertEquals(again(), true);
  assertEquals(again(without(IGPU)), false, "that one is with vfio, or on no driver");
  assertEquals(again({ claims: { [IGPU]: "linux" } }), false, "another guest is just taking it");
  assertEquals(again({}, { manager: undefined, gettys: { tty2: "getty@tty2.service" } }), undefined, "none is known");
});
