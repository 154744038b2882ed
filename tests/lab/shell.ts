/**
 * A root shell in the lab's machine, for a person to look around.
 *
 * @module
 */

import type { Ready } from "./cache.ts";
import { progress } from "./progress.ts";
import { newHost } from "./run.ts";

/** Ctrl and ], as telnet has it. */
const LEAVE = 0x1d;

/** Gives the terminal to the machine until the person leaves or the machine has ended. */
export async function shell(ready: Ready, programs: string, folder: string): Promise<number> {
  await using host = await progress("machine", () => newHost(ready, programs, `${folder}/shell`));
  using socket = await Deno.connect({ transport: "unix", path: `${host.emulator.folder}/shell` });
  const terminal = Deno.stdin.isTerminal();
  console.log("a root shell in the lab's machine; Ctrl-] leaves it and takes the machine down");
  const size = terminal ? Deno.consoleSize() : { rows: 24, columns: 80 };
  await host.must("systemctl restart serial-getty@hvc0");
  await host.until("the shell", "pgrep -t hvc0 bash"); // the login sets the size of the terminal to nothing much
  await host.must(`stty -F /dev/hvc0 rows ${size.rows} cols ${size.columns}`);
  if (terminal) Deno.stdin.setRaw(true);
  try {
    const out = socket.readable.pipeTo(Deno.stdout.writable, { preventClose: true }).catch(() => {});
    const writer = socket.writable.getWriter();
    const keys = Deno.stdin.readable.getReader();
    const gone = host.emulator.gone.then(() => undefined);
    for (;;) {
      const read = await Promise.race([keys.read(), gone]);
      if (!read?.value || read.value.includes(LEAVE)) break;
      await writer.write(read.value).catch(() => {}); // `gone` tells of the end
    }
    await Promise.race([out, host.run("true").catch(() => {})]); // what was typed last is still answered
  } finally {
    if (terminal) Deno.stdin.setRaw(false);
    console.log();
  }
  return 0;
}
