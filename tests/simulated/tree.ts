/**
 * A tree of files in memory that answers as the kernel does: files with text, bytes or a function behind them, folders,
 * symbolic links (followed in the middle of a path too, relative ones from the folder they are in), device nodes.
 *
 * @module
 */

import type { FileInfo } from "../../lib/system.ts";
import { kernelError } from "./errno.ts";

/** What is in a file; a function is asked at every read, as sysfs and proc do. */
export type Content = string | Uint8Array | (() => string | Uint8Array);

/** A regular file, or an attribute of sysfs or proc. */
export class File {
  /** Discriminant. */
  readonly kind = "file";

  /**
   * A file.
   *
   * @param content What reading gives.
   * @param mode Permission bits; an attribute without any read bit cannot be read by root either.
   * @param store What writing does; without it, a computed file cannot be written, and another one takes the text.
   */
  constructor(public content: Content, public mode = 0o644, readonly store?: (text: string) => void, public uid = 0) {}

  /** Is it computed, as in sysfs and proc? */
  get attribute(): boolean {
    return typeof this.content === "function" || this.store !== undefined;
  }

  /** Bytes or text as they are now. */
  get data(): string | Uint8Array {
    return typeof this.content === "function" ? this.content() : this.content;
  }
}

/** A folder. */
export class Folder {
  /** Discriminant. */
  readonly kind = "folder";
  /** What is in it, by name. */
  readonly children: Map<string, Node> = new Map();

  /** Makes it empty. */
  constructor(public mode = 0o755, public uid = 0) {}
}

/** A symbolic link. */
export class Link {
  /** Discriminant. */
  readonly kind = "link";

  /** A link; `target` may be a function, where what it says depends on who asks or is better worked out late. */
  constructor(readonly target: string | (() => string)) {}

  /** What it says now. */
  get text(): string {
    return typeof this.target === "function" ? this.target() : this.target;
  }
}

/** A device node, socket or pipe. */
export class Special {
  /** Discriminant. */
  readonly kind = "other";

  /**
   * A node.
   *
   * @param type As stat's %F says it.
   * @param major Major number of a device.
   * @param minor Minor number of a device.
   */
  constructor(readonly type: string, readonly major = 0, readonly minor = 0, public mode = 0o660, public uid = 0) {}
}

/** Anything in the tree. */
export type Node = File | Folder | Link | Special;

/** How many links the kernel follows in one path. */
const MAX_LINKS = 40;

/** Folder part of a path. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

/** Last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** What a link in `folder` has to say to lead to `target`, as sysfs writes it: relative. */
export function relative(folder: string, target: string): string {
  const from = folder.split("/").slice(1);
  const to = target.split("/").slice(1);
  let same = 0;
  while (same < from.length && same < to.length && from[same] === to[same]) same++;
  return [...from.slice(same).map(() => ".."), ...to.slice(same)].join("/");
}

/** The tree, and what the machine itself (no process) does with it. */
export class Tree {
  /** `/`. */
  readonly root: Folder = new Folder();
  /** Folders that a security module keeps programs out of, root's too, and whom: see `files.ts`. */
  readonly closed: Map<string, () => boolean> = new Map();

  /**
   * Finds what a path leads to.
   *
   * @param follow Follow a link at its end too.
   * @returns Undefined where a part of it is missing.
   * @throws If a part that is no folder has something below it, or links go in a circle.
   */
  find(path: string, follow = true): Node | undefined {
    const node = this.#straight(path);
    return node === null ? this.#around(path, follow) : node;
  }

  /** The short way, for a path without links, as nearly all are; null where that does not tell. */
  #straight(path: string): Node | null | undefined {
    let here: Folder = this.root;
    for (let start = 1; start < path.length;) {
      let end = path.indexOf("/", start);
      if (end < 0) end = path.length;
      const part = path.slice(start, end);
      const node = here.children.get(part);
      if (node === undefined) return part === "" || part === "." || part === ".." ? null : undefined;
      if (node.kind !== "folder") return node.kind !== "link" && end === path.length ? node : null;
      here = node;
      start = end + 1;
    }
    return here;
  }

  /** The long way. */
  #around(path: string, follow: boolean): Node | undefined {
    const trail: Folder[] = [];
    let here: Folder = this.root;
    const parts = path.split("/").reverse();
    for (let links = 0; parts.length > 0;) {
      const part = parts.pop()!;
      if (part === "" || part === ".") continue;
      if (part === "..") {
        here = trail.pop() ?? this.root;
        continue;
      }
      const node = here.children.get(part);
      if (node === undefined) return undefined;
      if (node.kind === "folder") {
        trail.push(here);
        here = node;
      } else if (node.kind === "link" && (follow || parts.length > 0)) {
        if (++links > MAX_LINKS) throw kernelError("ELOOP", `open '${path}'`);
        const target = node.text;
        if (target.startsWith("/")) {
          trail.length = 0;
          here = this.root;
        }
        for (const piece of target.split("/").reverse()) parts.push(piece);
      } else {
        if (parts.length > 0) throw kernelError("ENOTDIR", `open '${path}'`);
        return node;
      }
    }
    return here;
  }

  /** The folder at a path; undefined where there is none. */
  folderAt(path: string): Folder | undefined {
    const node = this.find(path);
    return node?.kind === "folder" ? node : undefined;
  }

  /** Makes a folder and those above it; one that is there stays. */
  folder(path: string, mode = 0o755): Folder {
    const there = this.#straight(path);
    if (there?.kind === "folder") return there;
    let here = this.root;
    let walked = "";
    for (const part of path.split("/")) {
      if (part === "") continue;
      walked += `/${part}`;
      let next = here.children.get(part);
      if (next?.kind === "link") next = this.find(walked);
      if (next === undefined) here.children.set(part, next = new Folder(mode));
      if (next.kind !== "folder") throw kernelError("ENOTDIR", `mkdir '${path}'`);
      here = next;
    }
    return here;
  }

  /** Puts something at a path, making the folders above it. */
  put<N extends Node>(path: string, node: N): N {
    this.folder(folderOf(path)).children.set(nameOf(path), node);
    return node;
  }

  /** Puts a file at a path. */
  file(path: string, content: Content, mode = 0o644): File {
    return this.put(path, new File(content, mode));
  }

  /** Puts a link at a path that leads to `target`, written relative as sysfs does. */
  sysLink(path: string, target: string): void {
    this.put(path, new Link(() => relative(folderOf(path), target)));
  }

  /** Takes a path away with all below it. */
  drop(path: string): void {
    this.folderAt(folderOf(path))?.children.delete(nameOf(path));
  }

  /** All files under a folder with their text, by path. */
  texts(path: string): Record<string, string> {
    const found: Record<string, string> = {};
    for (const [name, node] of this.folderAt(path)?.children ?? []) {
      if (node.kind === "folder") Object.assign(found, this.texts(`${path}/${name}`));
      else if (node.kind === "file") found[`${path}/${name}`] = asText(node.data);
    }
    return found;
  }
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Data as text. */
export function asText(data: string | Uint8Array): string {
  return typeof data === "string" ? data : decoder.decode(data);
}

/** Data as bytes. */
export function asBytes(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}

/** What lstat says about a node. */
export function infoOf(node: Node): FileInfo {
  if (node.kind === "link") return { kind: "link", uid: 0, mode: 0o777, size: node.text.length };
  const size = node.kind !== "file" ? 0 : node.attribute ? 4096 : asBytes(node.data).length;
  return { kind: node.kind, uid: node.uid, mode: node.mode, size };
}
