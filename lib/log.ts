/**
 * The log: libvirt drops what a hook that succeeds says on standard error, so whatever is worth knowing afterwards goes
 * here, a line at a time, each in the file before the next thing happens.
 *
 * @module
 */

import { BaseHandler } from "@std/log/base-handler";
import { Logger } from "@std/log/logger";
import { AidError, printable, report } from "./errors.ts";
import type { System } from "./system.ts";

/** The folder of the log. */
const FOLDER = "/var/log/virt-aid";
/** The log; the one before it is LOG.1. */
export const LOG = `${FOLDER}/virt-aid.log`;
/** A log that is longer than this is put aside. */
const MAX_BYTES = 1024 * 1024;

/** Where a program writes down what it does. Nothing here ever throws: a log that fails is no reason to fail. */
export interface Log {
  /** What happened as it should. */
  info(text: string): void;
  /** What did not, and was coped with. */
  warn(text: string): void;
  /** What failed. */
  error(text: string): void;
}

/** Appends each line on its own: nothing is held back that a kill could lose. */
class LineHandler extends BaseHandler {
  readonly #append: (line: string) => void;

  constructor(append: (line: string) => void, format: (record: { levelName: string; msg: string }) => string) {
    super("INFO", { formatter: format });
    this.#append = append;
  }

  override log(line: string): void {
    this.#append(line);
  }
}

/**
 * Opens the log for one program. The file is not touched before the first line.
 *
 * A line is time, program, guest, level and text with tabs between them: a guest's name may hold spaces, no field a tab.
 *
 * @param guest The guest that the lines are about.
 */
export function openLog(system: System, guest?: string): Log {
  let state: "unused" | "works" | "fails" = "unused";
  const append = (line: string) => {
    if (state === "fails") return;
    try {
      if (state === "unused") system.makeFolder(FOLDER);
      state = "works";
      system.append(LOG, line);
    } catch (error) {
      state = "fails"; // a full disk: one complaint is enough
      system.complain(report(new AidError(`${LOG} cannot be written: ${(error as Error).message}`), guest));
    }
  };
  const format = ({ levelName, msg }: { levelName: string; msg: string }) => {
    const text = msg.trimEnd().replaceAll("\n", "; ");
    const fields = [system.date().toISOString(), system.program, guest ?? "-", levelName, text];
    return fields.map(printable).join("\t") + "\n";
  };
  return new Logger("virt-aid", "INFO", { handlers: [new LineHandler(append, format)] });
}

/** Puts a log aside that has grown too long; the one put aside before it goes. One program at a time, under the short lock. */
export function rotateLog(system: System): void {
  if ((system.info(LOG)?.size ?? 0) > MAX_BYTES) system.move(LOG, `${LOG}.1`);
}
