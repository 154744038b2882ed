/**
 * What programs do with files, and what the kernel answers them. Root passes over the mode of a file, but not over that of
 * an attribute: sysfs answers EACCES where there is nothing to read or to write.
 *
 * @module
 */

import type { FileInfo } from "../../lib/system.ts";
import { kernelError } from "./errno.ts";
import { asText, File, Folder, folderOf, infoOf, nameOf, type Node, type Tree } from "./tree.ts";

/** May a user do that (4 read, 2 write)? */
function may(node: Node, uid: number, want: 4 | 2): boolean {
  if (node.kind === "link") return true;
  if (node.kind === "file" && node.attribute && (node.mode & (want * 0o111)) === 0) return false;
  return uid === 0 || (node.mode & (node.uid === uid ? want * 0o100 : want)) !== 0;
}

/** Whoever is kept out of a folder can tell that it is there, and no more. */
function reach(tree: Tree, path: string, inside = false): void {
  for (const [folder, keepsOut] of tree.closed) {
    if ((path.startsWith(`${folder}/`) || (inside && path === folder)) && keepsOut()) {
      throw kernelError("EACCES", `open '${path}'`);
    }
  }
}

/** The file at a path, links followed, as somebody opens it. */
function open(tree: Tree, path: string, uid: number, want: 4 | 2): File | undefined {
  reach(tree, path);
  const node = tree.find(path);
  if (node === undefined) return undefined;
  if (node.kind === "folder") throw kernelError("EISDIR", `open '${path}'`);
  if (!may(node, uid, want)) throw kernelError("EACCES", `open '${path}'`);
  if (node.kind !== "file") throw kernelError("ENODEV", `open '${path}'`);
  return node;
}

/** The folder that a path is in, to change something there. */
function parent(tree: Tree, path: string, uid: number): Folder {
  reach(tree, path);
  const folder = tree.folderAt(folderOf(path));
  if (!folder) throw kernelError("ENOENT", `open '${path}'`);
  if (!may(folder, uid, 2)) throw kernelError("EACCES", `open '${path}'`);
  return folder;
}

/** Reads a file. */
export function readFile(tree: Tree, path: string, uid: number): string | Uint8Array | undefined {
  return open(tree, path, uid, 4)?.data;
}

/** One write(2) into a file that exists. A write of no bytes never reaches the kernel. */
export function writeFile(tree: Tree, path: string, text: string, uid: number): void {
  const file = open(tree, path, uid, 2);
  if (!file) throw kernelError("ENOENT", `open '${path}'`);
  if (text === "") return;
  if (file.store) file.store(text);
  else file.content = text;
}

/** Names in a folder in byte order. */
export function listFolder(tree: Tree, path: string, uid: number): string[] {
  reach(tree, path, true);
  const node = tree.find(path);
  if (node === undefined) return [];
  if (node.kind !== "folder") throw kernelError("ENOTDIR", `readdir '${path}'`);
  if (!may(node, uid, 4)) throw kernelError("EACCES", `readdir '${path}'`);
  return [...node.children.keys()].sort(byBytes);
}

/** Byte order of UTF-8 is the order of code points, which that of UTF-16 is not. */
function byBytes(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** What a link says. */
export function readLink(tree: Tree, path: string): string | undefined {
  reach(tree, path);
  const node = tree.find(path, false);
  return node?.kind === "link" ? node.text : undefined;
}

/** lstat(2). */
export function statFile(tree: Tree, path: string): FileInfo | undefined {
  reach(tree, path);
  const node = tree.find(path, false);
  return node === undefined ? undefined : infoOf(node);
}

/** A new file beside it, renamed over it: another inode, so locks on the old one do not hold for it. */
export function saveFile(tree: Tree, path: string, text: string, uid: number): void {
  const folder = parent(tree, path, uid);
  if (folder.children.get(nameOf(path))?.kind === "folder") throw kernelError("EISDIR", `rename '${path}'`);
  folder.children.set(nameOf(path), new File(text, 0o600, undefined, uid));
}

/** Opens a file to lock it or to add to it, making it where it is not there. */
export function openOrMake(tree: Tree, path: string, uid: number): File {
  const file = open(tree, path, uid, 2);
  if (file) return file;
  const made = new File("", 0o600, undefined, uid);
  parent(tree, path, uid).children.set(nameOf(path), made);
  return made;
}

/** Adds to the end. */
export function appendFile(tree: Tree, path: string, text: string, uid: number): void {
  const file = openOrMake(tree, path, uid);
  if (file.store) file.store(text);
  else file.content = asText(file.data) + text;
}

/** rename(2). */
export function moveFile(tree: Tree, from: string, to: string, uid: number): void {
  const node = tree.find(from, false);
  if (node === undefined) throw kernelError("ENOENT", `rename '${from}' -> '${to}'`);
  parent(tree, to, uid).children.set(nameOf(to), node);
  parent(tree, from, uid).children.delete(nameOf(from));
}

/** unlink(2); nothing there is no error. */
export function removeFile(tree: Tree, path: string, uid: number): void {
  const node = tree.find(path, false);
  if (node === undefined) return;
  if (node.kind === "folder" && node.children.size > 0) throw kernelError("ENOTEMPTY", `remove '${path}'`);
  parent(tree, path, uid).children.delete(nameOf(path));
}

/** mkdir -p, mode 0700. */
export function makeFolder(tree: Tree, path: string, uid: number): void {
  const above = folderOf(path);
  const node = tree.find(path);
  if (node?.kind === "folder") return;
  if (node !== undefined) throw kernelError("ENOTDIR", `mkdir '${path}'`);
  if (above !== path) makeFolder(tree, above, uid);
  parent(tree, path, uid).children.set(nameOf(path), new Folder(0o700, uid));
}
