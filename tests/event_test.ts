import { assert, assertEquals } from "@std/assert";
import { normalize } from "@std/path/posix";
import fc from "fast-check";
import { checkName, EVENTS, findEvent } from "../lib/event.ts";

/** Every call that libvirt makes, docs/libvirt.md 1. */
const CALLS = `
  qemu prepare begin|qemu start begin|qemu started begin|qemu stopped end|qemu release end|qemu reconnect begin
  qemu restore begin|qemu migrate begin|qemu attach begin|daemon start -|daemon shutdown -|daemon reload begin
  network start begin|network started begin|network updated begin|network port-created begin
  network port-deleted begin|network stopped end|lxc prepare begin|lxc start begin|lxc started begin|lxc reconnect begin
  lxc stopped end|lxc release end|libxl prepare begin|libxl start begin|libxl started begin|libxl migrate begin
  libxl reconnect begin|libxl stopped end|libxl release end|bhyve prepare begin|bhyve start begin|bhyve started begin
  bhyve stopped end|bhyve release end`.trim().split(/\||\n */);

const named = ({ driver, operation, sub }: { driver: string; operation: string; sub: string }) =>
  `${driver} ${operation} ${sub}`;

Deno.test("the table has every event of libvirt once, and no other", () => {
  assertEquals(EVENTS.map(named).sort(), CALLS.sort());
  for (const event of EVENTS) assertEquals(findEvent(EVENTS, event.driver, event.operation, event.sub), event);
});

Deno.test("only qemu has phases, each with its deadline and its place", () => {
  const phases = EVENTS.filter(({ phase }) => phase).map((event) => [named(event), event.phase!] as const);
  assertEquals(Object.fromEntries(phases), {
    "qemu prepare begin": {
      program: "prepare-begin",
      timeoutMs: 60_000,
      when: "marked",
      scriptsFirst: true,
      fails: true,
    },
    "qemu started begin": {
      program: "started-begin",
      timeoutMs: 10_000,
      when: "marked",
      scriptsFirst: false,
      fails: false,
    },
    "qemu release end": {
      program: "release-end",
      timeoutMs: 60_000,
      when: "journaled",
      scriptsFirst: false,
      fails: true,
    },
  });
});

Deno.test("reconnect never fails, what ends is only reported, libvirt reads the output of restore and migrate", () => {
  for (const event of EVENTS) {
    assertEquals(event.failure === "never", event.operation === "reconnect", named(event));
    if (event.sub === "end") assertEquals(event.failure, "reported", named(event));
    assertEquals(event.filter, ["restore", "migrate"].includes(event.operation), named(event));
    if (event.filter) assertEquals(event.failure, "stops", named(event));
  }
});

Deno.test("what libvirt does not have is unknown", () => {
  for (
    const call of [["qemu", "prepare", "end"], ["qemu", "plugged", "begin"], ["xen", "prepare", "begin"], ["", "", ""]]
  ) {
    assertEquals(findEvent(EVENTS, call[0]!, call[1], call[2]), undefined, call.join(" "));
  }
  assertEquals(findEvent(EVENTS, "qemu", undefined, undefined), undefined);
});

Deno.test("names that are usable as a part of a path", () => {
  const usable = [
    "win11",
    "--help",
    "-",
    "...",
    ".hidden",
    " ",
    "a b",
    "$(reboot)",
    "\u202egnp.exe",
    "é".repeat(127),
    "~",
    "7",
  ];
  for (const name of usable) assertEquals(checkName(name), undefined, name);
});

Deno.test("names that are not", () => {
  for (const name of ["", ".", "..", "a/b", "/", "a\nb", "\t", "\x7f", "\x85", "x".repeat(256), "é".repeat(128)]) {
    assert(checkName(name), JSON.stringify(name));
  }
});

Deno.test("a usable name leads into the folder that it is put into, and nowhere else", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (name) => {
    if (checkName(name) !== undefined) return;
    assertEquals(normalize(`/hooks/${name}/x`), `/hooks/${name}/x`);
  }));
});
