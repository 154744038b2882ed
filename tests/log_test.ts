import { assert, assertEquals, assertMatch } from "@std/assert";
import { LOG, openLog, rotateLog } from "../lib/log.ts";
import { RealSystem } from "../lib/real-system.ts";

/** The machine with its /var in a temporary folder, what it complains kept. */
class LogSystem extends RealSystem implements Disposable {
  readonly folder: string;
  readonly complaints: string[] = [];

  constructor() {
    const folder = Deno.makeTempDirSync();
    super([["/var/", `${folder}/var/`]]);
    this.folder = folder;
  }

  override get program(): string {
    return "prepare-begin";
  }

  override date(): Date {
    return new Date("2026-01-02T03:04:05.678Z");
  }

  override complain(text: string): void {
    this.complaints.push(text);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

Deno.test("a line has time, program, guest, level and text", () => {
  using system = new LogSystem();
  const log = openLog(system, "win 11");
  assertEquals(system.read(LOG), undefined, "nothing is written before the first line");
  log.info("unbind 0000:01:00.0 in 12 ms");
  log.warn("a");
  log.error("b");
  assertEquals(
    system.read(LOG),
    "2026-01-02T03:04:05.678Z\tprepare-begin\twin 11\tINFO\tunbind 0000:01:00.0 in 12 ms\n" +
      "2026-01-02T03:04:05.678Z\tprepare-begin\twin 11\tWARN\ta\n" +
      "2026-01-02T03:04:05.678Z\tprepare-begin\twin 11\tERROR\tb\n",
  );
  assertEquals(system.info(LOG)?.mode, 0o600);
});

Deno.test("a line stays one line, whatever is in it", () => {
  using system = new LogSystem();
  openLog(system, "a\tb\n\u202e").info("one\ntwo\x1b[2J\n");
  openLog(system).info("no guest");
  assertEquals(
    system.read(LOG),
    "2026-01-02T03:04:05.678Z\tprepare-begin\ta\\u{9}b\\u{a}\\u{202e}\tINFO\tone; two\\u{1b}[2J\n" +
      "2026-01-02T03:04:05.678Z\tprepare-begin\t-\tINFO\tno guest\n",
  );
});

Deno.test("two that write in turns do not mix their lines", () => {
  using system = new LogSystem();
  const logs = ["a", "b"].map((guest) => openLog(system, guest));
  for (let i = 0; i < 50; i++) logs.forEach((log) => log.info("x".repeat(200)));
  const lines = system.read(LOG)!.trimEnd().split("\n");
  assertEquals(lines.length, 100);
  for (const line of lines) assertMatch(line, /\t[ab]\tINFO\tx{200}$/);
});

Deno.test("a log that cannot be written is complained about once and fails nothing", () => {
  using system = new LogSystem();
  Deno.writeTextFileSync(`${system.folder}/var`, "a file where a folder should be");
  const log = openLog(system, "win11");
  log.info("one");
  log.error("two");
  assertEquals(system.complaints.length, 1);
  assert(system.complaints[0]!.startsWith(`virt-aid: win11: ${LOG} cannot be written: `), system.complaints[0]);
});

Deno.test("a log over 1 MiB is put aside, and one is kept", () => {
  using system = new LogSystem();
  rotateLog(system); // there is none
  openLog(system).info("first");
  rotateLog(system);
  assertEquals(system.info(`${LOG}.1`), undefined, "a short one stays");
  for (const round of ["one", "two"]) {
    system.append(LOG, `${round}\n` + "x".repeat(1024 * 1024));
    rotateLog(system);
    assertEquals(system.info(LOG), undefined);
  }
  assert(system.read(`${LOG}.1`)!.startsWith("two\n"));
  assertEquals(system.list("/var/log/virt-aid"), ["virt-aid.log.1"]);
});
