/**
 * The kernel's FUSE protocol, version 7.31, as far as a sysfs needs it: bytes in, bytes out. Nothing is cached, so every
 * call of a program is one of the file system behind it.
 *
 * @module
 */

/** What lies at a path. */
export interface Node {
  /** What it is. */
  readonly kind: "file" | "folder" | "link" | "other";
  /** Permission bits. */
  readonly mode: number;
  /** Size in bytes. */
  readonly size: number;
}

/** A file system. What it throws has the kernel's number in its text, `(os error 19)`. */
export interface FileSystem {
  /** What lies at a path; links are not followed. */
  info(path: string): Node | undefined;
  /** Names in a folder. */
  list(path: string): readonly string[];
  /** What a link says. */
  link(path: string): string;
  /** All of a file. */
  read(path: string): Uint8Array;
  /** One write. */
  write(path: string, data: Uint8Array): void;
}

/** A request that was answered, or is left without an answer. */
export type Answer = Uint8Array | undefined;

const TYPES = { file: 0o100000, folder: 0o040000, link: 0o120000, other: 0o020000 } as const;
const ENOENT = 2;
const EACCES = 13;
const ENOSYS = 38;
const DIRECT_IO = 1;

/** Bytes of little-endian numbers: `u32` and `u64` by turns as the layout says, `4` or `8` for each. */
function pack(layout: string, ...values: readonly number[]): Uint8Array {
  const sizes = [...layout].map(Number);
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  sizes.reduce((at, size, i) => {
    if (size === 8) view.setBigUint64(at, BigInt(values[i] ?? 0), true);
    else if (size === 4) view.setUint32(at, values[i] ?? 0, true);
    else view.setUint16(at, values[i] ?? 0, true);
    return at + size;
  }, 0);
  return bytes;
}

function concat(...pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(pieces.flatMap((piece) => [...piece]));
}

/** An answer: length, error, the request's own number, data. */
function reply(request: Uint8Array, error: number, data: Uint8Array): Uint8Array {
  return concat(pack("44", 16 + data.length, error === 0 ? 0 : 2 ** 32 - error), request.subarray(8, 16), data);
}

/** Speaks the protocol for a file system. */
export class Fuse {
  /** Paths by node number; 1 is the root. A path that becomes something else gets another number. */
  readonly #paths: string[] = ["", ""];
  readonly #nodes = new Map<string, number>();
  /** What an open file's first read gave, as sysfs does it. */
  readonly #open = new Map<number, { readonly path: string; data?: Uint8Array }>();
  #next = 1;

  /** @param files What is behind it. */
  constructor(readonly files: FileSystem) {}

  /** Answers a request; throws what the file system throws that is no error of the kernel. */
  answer(request: Uint8Array): Answer {
    const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
    const path = this.#paths[Number(view.getBigUint64(16, true))] ?? "";
    const body = request.subarray(40);
    const operation = this.#operations[view.getUint32(4, true)];
    if (operation === null) return undefined;
    if (!operation) return this.refuse(request, ENOSYS);
    try {
      const done = operation(path, body, new DataView(body.buffer, body.byteOffset, body.byteLength));
      return typeof done === "number" ? this.refuse(request, done) : reply(request, 0, done);
    } catch (error) {
      const number = /\(os error (\d+)\)/.exec((error as Error).message)?.[1];
      if (number === undefined) throw error;
      return this.refuse(request, Number(number));
    }
  }

  /** Answers a request with an error's number. */
  refuse(request: Uint8Array, error: number): Uint8Array {
    return reply(request, error, new Uint8Array());
  }

  /** By number; null: the kernel wants no answer. A number that is given is an error, bytes are the answer. */
  readonly #operations: Readonly<
    Record<number, ((path: string, body: Uint8Array, view: DataView) => Uint8Array | number) | null>
  > = {
    1: (path, body) => { // LOOKUP
      const child = `${path}/${new TextDecoder().decode(body.subarray(0, -1))}`;
      const node = this.files.info(child);
      if (!node) return ENOENT;
      const ino = this.#ino(child, node);
      return concat(pack("888844", ino, 0), this.#attributes(ino, node));
    },
    2: null, // FORGET
    3: (path) => this.#stat(path), // GETATTR
    4: (path) => this.#stat(path), // SETATTR: truncation, which means nothing to an attribute
    5: (path) => new TextEncoder().encode(this.files.link(path)), // READLINK
    14: (path, _body, view) => { // OPEN
      const { mode } = this.files.info(path) ?? { mode: 0 };
      const wanted = [0o444, 0o222, 0o666][view.getUint32(0, true) & 3] ?? 0;
      if ((mode & wanted) === 0) return EACCES; // not even root may
      return this.#handle(path);
    },
    15: (_path, _body, view) => { // READ
      const file = this.#open.get(Number(view.getBigUint64(0, true)))!;
      const at = Number(view.getBigUint64(8, true));
      if (at === 0 || !file.data) file.data = this.files.read(file.path);
      return file.data.subarray(at, at + view.getUint32(16, true));
    },
    16: (path, body, view) => { // WRITE
      const size = view.getUint32(16, true);
      this.files.write(path, body.subarray(40, 40 + size));
      return pack("44", size);
    },
    17: () => pack("88888" + "4".repeat(10), 0, 0, 0, 0, 0, 4096, 255, 4096), // STATFS
    18: (_path, _body, view) => this.#close(view), // RELEASE
    26: () => pack("4444224422" + "4".repeat(8), 7, 31, 0, 0, 12, 9, 4096, 1), // INIT
    27: (path) => this.#handle(path), // OPENDIR
    28: (path, _body, view) => { // READDIR
      const at = Number(view.getBigUint64(8, true));
      const room = view.getUint32(16, true);
      let answer = new Uint8Array();
      for (const [i, name] of [".", "..", ...this.files.list(path)].entries()) {
        if (i < at) continue;
        const child = i < 2 ? path : `${path}/${name}`;
        const node = this.files.info(child);
        if (!node) continue;
        const bytes = new TextEncoder().encode(name);
        const entry = concat(pack("8844", this.#ino(child, node), i + 1, bytes.length, TYPES[node.kind] >> 12), bytes);
        const padded = concat(entry, new Uint8Array((8 - entry.length % 8) % 8));
        if (answer.length + padded.length > room) break;
        answer = concat(answer, padded) as typeof answer;
      }
      return answer;
    },
    29: (_path, _body, view) => this.#close(view), // RELEASEDIR
    36: null, // INTERRUPT
    42: null, // BATCH_FORGET
  };

  #handle(path: string): Uint8Array {
    this.#open.set(this.#next, { path });
    return pack("844", this.#next++, DIRECT_IO);
  }

  #close(view: DataView): Uint8Array {
    this.#open.delete(Number(view.getBigUint64(0, true)));
    return new Uint8Array();
  }

  #ino(path: string, { kind }: Node): number {
    if (path === "") return 1;
    const known = this.#nodes.get(`${kind} ${path}`) ?? this.#paths.push(path) - 1;
    this.#nodes.set(`${kind} ${path}`, known);
    return known;
  }

  #stat(path: string): Uint8Array | number {
    const node = this.files.info(path);
    if (!node) return ENOENT;
    return concat(pack("844"), this.#attributes(this.#ino(path, node), node));
  }

  #attributes(ino: number, { kind, mode, size }: Node): Uint8Array {
    return pack("8888884444444444", ino, size, 0, 0, 0, 0, 0, 0, 0, TYPES[kind] | mode, 1, 0, 0, 0, 4096);
  }
}
