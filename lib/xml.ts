/**
 * How the guest's XML and our own file are read: one tree, a few ways to look into it, and errors that say where.
 *
 * @module
 */

import { parse } from "@std/xml/parse";
import { type XmlElement, XmlSyntaxError } from "@std/xml/types";
import { AidError, printable } from "./errors.ts";

export type { XmlElement };

/** An element that is not what it has to be. Thrown by readers; `readXml` knows the place and makes it an `AidError`. */
export class XmlProblem extends Error {
  override readonly name = "XmlProblem";
  /** The element. */
  readonly element: XmlElement;
  /** What the person can do now. */
  readonly hint?: string;

  /**
   * @param element The element.
   * @param message What is wrong with it.
   * @param hint What to do about it; without one the hint of the whole file holds.
   */
  constructor(element: XmlElement, message: string, hint?: string) {
    super(message);
    this.element = element;
    this.hint = hint;
  }
}

/**
 * Reads an XML text.
 *
 * @param file What to call the text in errors: `FILE:LINE:COLUMN: message`.
 * @param text The text.
 * @param hint What to do about errors.
 * @param read Makes something of the root element; what it throws as `XmlProblem` gets its place here.
 * @returns What `read` returns.
 * @throws {AidError} If the text is not well-formed XML, has a DOCTYPE, or `read` finds a problem.
 */
export function readXml<T>(file: string, text: string, hint: string, read: (root: XmlElement) => T): T {
  const xml = text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  const fail = (offset: number, message: string, remedy = hint): never => {
    const lines = xml.slice(0, offset).split("\n");
    const place = `${lines.length}:${lines.at(-1)!.length + 1}`;
    throw new AidError(`${file}:${place}: ${printable(message)}`, remedy);
  };
  const root = (() => {
    try {
      return parse(xml, { ignoreComments: true }).root;
    } catch (error) {
      // whatever a parser throws, a RangeError for depth included, means that this text cannot be used
      const { message } = error as Error;
      const offset = error instanceof XmlSyntaxError ? error.offset : offsetOf(xml, isBadReference);
      return fail(offset, message.replace(/ at (line \d+, column|position) \d+/, ""));
    }
  })();
  try {
    return read(root);
  } catch (error) {
    if (!(error instanceof XmlProblem)) throw error;
    let before = countBefore(root, error.element);
    return fail(offsetOf(xml, (markup) => markup === "<" && before-- === 0), error.message, error.hint);
  }
}

/** What is no text: comments, CDATA sections, processing instructions, the `<` of start tags, references. */
const MARKUP = /<!--[^]*?-->|<!\[CDATA\[[^]*?\]\]>|<\?[^]*?\?>|<(?=[^/!?])|&[^;<&"'\s]*;?/g;

/** Where the first wanted piece of markup begins; the start where there is none. */
function offsetOf(xml: string, wanted: (markup: string) => boolean): number {
  for (const match of xml.matchAll(MARKUP)) if (wanted(match[0])) return match.index;
  return 0;
}

/** Would the parser refuse the markup by itself? For references it says no place. */
function isBadReference(markup: string): boolean {
  if (!markup.startsWith("&")) return false;
  try {
    parse(`<a>${markup}</a>`);
    return false;
  } catch {
    return true;
  }
}

/** How many elements begin before an element: the tree has no places, but its order is that of the start tags. */
function countBefore(root: XmlElement, element: XmlElement): number {
  const open = [root];
  for (let count = 0;; count++) {
    const next = open.pop();
    if (next === undefined || next === element) return count;
    for (const child of elements(next).reverse()) open.push(child);
  }
}

/** The elements directly in an element, in their order; with a name only those that are called so. */
export function elements(parent: XmlElement | undefined, name?: string): XmlElement[] {
  return (parent?.children ?? []).filter((node): node is XmlElement =>
    node.type === "element" && (name === undefined || node.name.raw === name)
  );
}

/** The first element at a path of names, `source/address`; undefined where there is none. */
export function find(parent: XmlElement | undefined, path: string): XmlElement | undefined {
  return path.split("/").reduce((at, name) => elements(at, name)[0], parent);
}

/** The text directly in an element, CDATA included, entities decoded, nothing trimmed. */
export function textOf(element: XmlElement | undefined): string {
  return (element?.children ?? []).map((node) => node.type === "text" || node.type === "cdata" ? node.text : "").join(
    "",
  );
}

/** The first element of a name in an element, which has to have one. */
export function required(parent: XmlElement, name: string): XmlElement {
  const element = find(parent, name);
  if (!element) throw new XmlProblem(parent, `<${parent.name.raw}> has no <${name}>`);
  return element;
}

/** The number that an attribute gives as libvirt reads it, decimal or 0x and hexadecimal, within its bounds. */
export function numberOf(
  element: XmlElement,
  attribute: string,
  { min = 0, max, otherwise }: {
    /** The least that it may be; 0 by default. */
    readonly min?: number;
    /** The most that it may be. */
    readonly max: number;
    /** What it is where the attribute is missing; without it the attribute has to be there. */
    readonly otherwise?: number;
  },
): number {
  const text = element.attributes[attribute];
  if (text === undefined && otherwise !== undefined) return otherwise;
  if (text === undefined) throw new XmlProblem(element, `<${element.name.raw}> has no ${attribute}`);
  // no leading zeros: libvirt would read those as octal
  const number = /^(0x[0-9a-f]+|0|[1-9][0-9]*)$/i.test(text) ? Number(text) : NaN;
  if (number >= min && number <= max) return number;
  const range = [min, max].map((bound) => `0x${bound.toString(16)}`).join(" to ");
  throw new XmlProblem(element, `${attribute} ${quote(text)} is not a number from ${range}`);
}

/** A text as one of those known; an unknown one as the first: the XML may be of a libvirt that is newer than this. */
export function oneOf<T extends string>(known: readonly [T, ...T[]], text: string | undefined): T {
  return known.find((one) => one === text) ?? known[0];
}

/** The same without members that are undefined: what is kept as JSON comes back equal. */
export function present<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}

/** A text from the file for a message: in quotes, printable, not too long. */
export function quote(text: string): string {
  return `"${printable(text.length > 60 ? `${text.slice(0, 57)}...` : text)}"`;
}
