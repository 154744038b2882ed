/**
 * Carries the kernel's FUSE requests to a test and its answers back: `pump.ts SOCKET`, with /dev/fuse as standard input and
 * as standard error, which is the one that Deno writes to without a buffer. It ends with the test, and the kernel then
 * answers for it.
 *
 * @module
 */

const socket = await Deno.connect({ transport: "unix", path: Deno.args[0]! });

/** Whoever asked was killed: there is nothing to read any more, or nobody to answer. */
function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound;
}

/** Requests: each read gives a whole one. */
async function requests(): Promise<void> {
  const buffer = new Uint8Array(128 * 1024);
  for (;;) {
    const size = await Deno.stdin.read(buffer).catch((error) => isGone(error) ? 0 : null);
    if (size === null) return; // unmounted
    for (let at = 0; at < size;) at += await socket.write(buffer.subarray(at, size));
  }
}

/** Answers: the kernel wants each in one write. */
async function answers(): Promise<void> {
  let held = new Uint8Array();
  for await (const piece of socket.readable) {
    held = new Uint8Array([...held, ...piece]);
    for (let size; held.length >= 16 && held.length >= (size = new DataView(held.buffer).getUint32(0, true));) {
      try {
        Deno.stderr.writeSync(held.subarray(0, size));
      } catch (error) {
        if (!isGone(error)) return console.log(`the kernel refuses an answer: ${held.subarray(0, size)}`);
      }
      held = held.slice(size);
    }
  }
}

await Promise.race([requests(), answers()]);
Deno.exit(0);
