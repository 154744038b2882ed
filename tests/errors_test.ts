import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { AidError, printable, report } from "../lib/errors.ts";

const bytes = (text: string) => new TextEncoder().encode(text).length;

Deno.test("report: the guest, what happened, and what to do about it", () => {
  const error = new AidError("IOMMU is off\nalso: no disk", "turn it on");
  assertEquals(report(error, "win11"), "virt-aid: win11: IOMMU is off\nalso: no disk\nhint: turn it on\n");
  assertEquals(report(error), "virt-aid: IOMMU is off\nalso: no disk\nhint: turn it on\n");
  assertEquals(report(new AidError("no hint")), "virt-aid: no hint\n");
  assertMatch(report(new TypeError("Invalid argument")), /^virt-aid: Invalid argument\nhint: .*report it.*\n$/);
  assertMatch(report("thrown as text", "g"), /^virt-aid: g: thrown as text\nhint: .*\n$/);
  assertMatch(report(undefined), /^virt-aid: undefined\nhint: .*\n$/);
  assertMatch(report(new Error("No space left on device (os error 28)")), /\nhint: make room: .*\n$/);
});

Deno.test("printable: what moves the cursor, reorders or hides is spelled out, letters of every script stay", () => {
  const table = [
    ["win\n11", "win\\u{a}11"],
    ["\x1b[2J", "\\u{1b}[2J"],
    ["a\u202eb", "a\\u{202e}b"],
    ["a\u200bb\u2028c", "a\\u{200b}b\\u{2028}c"],
    ["\ud800", "\\u{d800}"],
    ["\u0085", "\\u{85}"],
    ["Käthes Rechner 電腦 🖥", "Käthes Rechner 電腦 🖥"],
  ] as const;
  for (const [text, shown] of table) assertEquals(printable(text), shown);
});

Deno.test("report: a line break in a guest's name cannot make a line of its own", () => {
  assertEquals(report(new AidError("no"), "a\nhint: rm -rf /"), "virt-aid: a\\u{a}hint: rm -rf /: no\n");
});

Deno.test("report: keeps its bounds and its hint, whatever it is made of", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "binary", maxLength: 700 }), { minLength: 1, maxLength: 6 }),
      fc.string({ maxLength: 400 }),
      fc.string({ unit: "binary", maxLength: 300 }),
      (lines, hint, guest) => {
        const text = report(new AidError(lines.join("\n"), hint), guest);
        assert(bytes(text.split("\n")[0]!) < 200, "first line");
        assert(bytes(text) < 1024, "all of it");
        const broken = [...lines, hint, guest].some((part) => part.includes("\ufffd")); // as it came
        assert(text.endsWith("\n") && (broken || !text.includes("\ufffd")), "whole characters");
        assertEquals(printable(text.replaceAll("\n", "")), text.replaceAll("\n", ""));
        if (hint !== "") assert(text.includes(`\nhint: ${printable(hint)}`), "a long message leaves room for the hint");
      },
    ),
    { numRuns: 500, examples: [[["\ufffd", ""], "", ""]] },
  );
});

Deno.test("report: says that something was cut", () => {
  const text = report(new AidError("x".repeat(5_000)), "g");
  assert(text.split("\n")[0]!.endsWith("x..."), text);
  assertEquals(bytes(text.trimEnd()), 199);
  assert(report(new AidError(`first\n${"y".repeat(5_000)}`, "do it")).endsWith("y...\nhint: do it\n"));
  assert(bytes(report(new AidError("m", "h".repeat(5_000)))) < 1024);
});
