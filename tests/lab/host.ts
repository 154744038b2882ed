/**
 * The passthrough host as a scenario sees it: the programs are in their places, libvirt answers.
 *
 * @module
 */

import type { Past } from "../../lib/history.ts";
import type { Journal } from "../../lib/journal.ts";
import { until } from "../until.ts";
import { type Differences, Guest, guestXml } from "./guest.ts";
import { type Disks, Emulator, type Ended } from "./emulator.ts";
import { type DeviceName, DEVICES } from "./hardware.ts";

/** See the module's text. */
export class Host implements AsyncDisposable {
  #guests = 0;
  #over = false;

  constructor(public emulator: Emulator, readonly disks: Disks) {}

  /** Pulls the plug, and switches the machine on again; it boots. Messages of the kernel and /run are those of that boot. */
  async powerCut(): Promise<void> {
    await this.emulator[Symbol.asyncDispose]();
    this.emulator = await Emulator.up(this.disks, this.emulator.folder);
    if (this.#over) await this.emulator[Symbol.asyncDispose](); // a scenario that nobody waits for any more
  }

  /** Pulls the plug for good. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    await this.emulator[Symbol.asyncDispose]();
  }

  /** Runs lines of bash as root. */
  run(lines: string, seconds?: number): Promise<Ended> {
    return this.emulator.run(lines, seconds);
  }

  /** Runs lines of bash, each of which has to succeed; gives what they print. */
  async must(lines: string, seconds?: number): Promise<string> {
    const { code, stdout, stderr } = await this.run(`set -eu -o pipefail\n${lines}`, seconds);
    if (code === 0) return stdout;
    throw new Error(`status ${code} of: ${lines}\n${stderr}${stdout}`);
  }

  /** Waits until lines of bash succeed; a boot on a busy machine takes a minute. */
  async until(what: string, lines: string, seconds = 180): Promise<void> {
    await until(what, async () => (await this.run(lines)).code === 0, seconds);
  }

  /** The drivers of functions; empty for one that has none. */
  async drivers(...devices: readonly DeviceName[]): Promise<string[]> {
    const links = devices.map((device) => `/sys/bus/pci/devices/${DEVICES[device].address}/driver`);
    const lines = await this.must(`for link in ${links.join(" ")}; do basename "$(readlink $link)"; done`);
    return lines.split("\n").slice(0, -1);
  }

  /** Tells libvirt of a guest with these functions. */
  async guest(devices: readonly DeviceName[], more: Differences = {}): Promise<Guest> {
    const n = ++this.#guests;
    const guest = new Guest(this, `g${n}`, `00000000-0000-4000-8000-00000000000${n}`);
    const xml = guestXml(guest.name, guest.uuid, devices.map((device) => DEVICES[device].address), more);
    await this.must(`virsh -q define /dev/stdin <<'XML'\n${xml}XML`);
    return guest;
  }

  /** Files in a folder whose names end like that, as JSON, in byte order of their names. */
  async #json<T>(folder: string): Promise<T[]> {
    const lines = await this.must(
      `cd ${folder} 2>/dev/null || exit 0; for f in *.json; do [ ! -e $f ] || (cat $f; echo); done`,
    );
    return lines.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  /** Journals of guests that have something of the host's. */
  journals(): Promise<Journal[]> {
    return this.#json("/run/virt-aid/guests");
  }

  /** Runs that are over, oldest first. */
  history(): Promise<Past[]> {
    return this.#json("/var/lib/virt-aid/history");
  }

  /** How they ended. */
  async outcomes(): Promise<string[]> {
    return (await this.history()).map(({ outcome }) => outcome);
  }

  /** The log of our programs. */
  log(): Promise<string> {
    return this.must("cat /var/log/virt-aid/virt-aid.log");
  }

  /** How many events of devices the kernel has sent: a driver that comes or goes is one. */
  async deviceEvents(): Promise<number> {
    return Number(await this.must("cat /sys/kernel/uevent_seqnum"));
  }

  /** Process id of libvirtd. */
  async libvirtd(): Promise<string> {
    return (await this.must("systemctl show -P MainPID libvirtd")).trim();
  }

  /** Puts a user script in place: lines of bash. */
  async script(place: string, lines: string): Promise<void> {
    const path = `/etc/libvirt/hooks/${place}`;
    await this.must(`install -D -m 0755 /dev/stdin '${path}' <<'SCRIPT'\n#!/bin/bash\n${lines}\nSCRIPT`);
  }

  /**
   * Has a look-out wait until a guest's journal has so many entries that count, and then signal processes: see
   * inside/at-entry.py. It looks already when this is over; `seen` is kept when it has happened.
   */
  async atEntry(
    guest: Guest,
    state: "applying" | "undoing",
    entries: number,
    signal: "KILL" | "TERM" = "KILL",
    ...who: readonly string[]
  ): Promise<{ readonly seen: Promise<string> }> {
    const args = [guest.uuid, state, entries, signal, ...who].join(" ");
    const seen = this.must(`/usr/local/lib/lab/at-entry.py ${args}`);
    seen.catch(() => {}); // the caller awaits it when it has done more
    await this.until("the look-out", `[ -e /run/lab/${guest.uuid} ]`);
    return { seen };
  }

  /** Waits until none of our programs runs any more. */
  async idle(): Promise<void> {
    const ours = `readlink /proc/[0-9]*/exe | grep '^/etc/libvirt/hooks/'`;
    await this.until("the end of our programs", `! ${ours}`);
  }

  /** Waits until everything that a guest had was taken back. */
  async takenBack(guest: Guest): Promise<void> {
    await this.until("the end of its journal", `[ ! -e /run/virt-aid/guests/${guest.uuid}.json ]`);
    await this.idle();
  }

  /** Waits until libvirt answers, and is another one than that which was ended. */
  async answers(ended?: string): Promise<void> {
    await this.until("libvirt's answer", "timeout 20 virsh -q uri");
    if (ended === await this.libvirtd()) throw new Error("libvirtd is still the same");
  }

  /** Shuts the host down, and switches it on again. */
  async reboot(): Promise<void> {
    await this.run("systemctl poweroff --no-block");
    await this.emulator.ended(150);
    await this.powerCut();
  }
}
