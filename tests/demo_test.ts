import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

Deno.test("what the README shows of the demo is what the demo shows", async () => {
  const demo = new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", "demo"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
  const { code, stdout, stderr } = await demo.output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const printed = new TextDecoder().decode(stdout);
  const [, chapter = ""] = Deno.readTextFileSync(new URL("README.md", ROOT)).split("## See before you start\n");
  const lines = chapter.split("```")[1]!.split("\n").filter((line) => line.trim() !== "" && line.trim() !== "...");
  assert(lines.length > 5, chapter);
  for (const line of lines) assertStringIncludes(printed, `${line}\n`);
  assertEquals(Number(lines.at(-1)!.split(".")[0]), printed.match(/^ +\d+\. /gm)?.length, "it is the last step");
});
