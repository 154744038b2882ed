/** What the product uses of `@std/xml` 0.2: its tree and its error, over another parser. */

import {
  parseXml,
  XmlCdata,
  XmlComment,
  XmlDocumentType,
  XmlElement as Element,
  XmlError,
  XmlText,
} from "npm:@rgrove/parse-xml@5.0.0";

/** A place in the text: line and column from 1, offset from 0. */
export interface XmlPosition {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
}

/** The text is no XML, or XML that the options forbid. */
export class XmlSyntaxError extends SyntaxError {
  override readonly name = "XmlSyntaxError";
  readonly line: number;
  readonly column: number;
  readonly offset: number;

  constructor(message: string, position: XmlPosition) {
    super(`${message} at line ${position.line}, column ${position.column}`);
    this.line = position.line;
    this.column = position.column;
    this.offset = position.offset;
  }
}

/** The name of an element. */
export interface XmlName {
  readonly raw: string;
  readonly local: string;
  readonly prefix?: string;
  readonly uri?: string;
}
/** Text between tags. */
export interface XmlTextNode {
  readonly type: "text";
  readonly text: string;
}
/** A CDATA section. */
export interface XmlCDataNode {
  readonly type: "cdata";
  readonly text: string;
}
/** A comment. */
export interface XmlCommentNode {
  readonly type: "comment";
  readonly text: string;
}
/** An element. */
export interface XmlElement {
  readonly type: "element";
  readonly name: XmlName;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: ReadonlyArray<XmlNode>;
}
/** Anything in an element. */
export type XmlNode = XmlElement | XmlTextNode | XmlCDataNode | XmlCommentNode;
/** A whole document. */
export interface XmlDocument {
  readonly root: XmlElement;
}
/** Options of `parse`. */
export interface ParseOptions {
  readonly ignoreWhitespace?: boolean;
  readonly ignoreComments?: boolean;
  /** Default true. */
  readonly disallowDoctype?: boolean;
}

/** Is the node an element? */
export function isElement(node: XmlNode): node is XmlElement {
  return node.type === "element";
}

/** Line and column of an offset. */
function positionAt(xml: string, offset: number): XmlPosition {
  const before = xml.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n"), offset };
}

/** Namespaces by prefix that an element's children see. */
type Scope = Readonly<Record<string, string>>;

/** Parses a document. */
export function parse(xml: string, options: ParseOptions = {}): XmlDocument {
  const fail = (message: string, offset: number): never => {
    throw new XmlSyntaxError(message, positionAt(xml, offset));
  };

  const element = (from: Element, outer: Scope): XmlElement => {
    const scope: Record<string, string> = { ...outer };
    for (const [name, value] of Object.entries(from.attributes)) {
      if (name.startsWith("xmlns:")) scope[name.slice("xmlns:".length)] = value;
    }
    for (const name of [from.name, ...Object.keys(from.attributes)]) {
      const [prefix, ...rest] = name.split(":");
      if (rest.length > 1 || rest[0] === "" || prefix === "") fail(`Invalid name '${name}'`, from.start);
      if (rest.length === 1 && prefix !== "xmlns" && !Object.hasOwn(scope, prefix!)) {
        fail(`Unbound namespace prefix '${prefix}'`, from.start);
      }
    }
    return {
      type: "element",
      name: nameOf(from.name, scope),
      attributes: from.attributes,
      children: from.children.flatMap((child) => node(child, scope)),
    };
  };

  const node = (from: unknown, scope: Scope): XmlNode[] => {
    if (from instanceof Element) return [element(from, scope)];
    if (from instanceof XmlCdata) return [{ type: "cdata", text: from.text }];
    if (from instanceof XmlText) {
      return options.ignoreWhitespace && !/[^ \t\r\n]/.test(from.text) ? [] : [{ type: "text", text: from.text }];
    }
    return from instanceof XmlComment && !options.ignoreComments ? [{ type: "comment", text: from.content }] : [];
  };

  if (xml.startsWith("\uFEFF")) fail("Cannot have content before the root element", 0);
  const document = read(xml);
  const doctype = document.children.find((child) => child instanceof XmlDocumentType);
  if (doctype && (options.disallowDoctype ?? true)) {
    fail("DOCTYPE declarations are not allowed", doctype.start + "<!".length);
  }
  return { root: element(document.root!, { xml: "http://www.w3.org/XML/1998/namespace" }) };
}

/** The other parser, with its error made ours. */
function read(xml: string) {
  try {
    return parseXml(xml, {
      includeOffsets: true,
      preserveCdata: true,
      preserveComments: true,
      preserveDocumentType: true,
    });
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    const message = error.message.split(" (line ")[0]!;
    // @std/xml gives a plain error, without a place, for a reference that it cannot resolve: callers must cope with it
    if (/reference|entity/i.test(message)) throw new Error(message);
    throw new XmlSyntaxError(message, { line: error.line, column: error.column, offset: error.pos });
  }
}

/** An element's name in its parts. */
function nameOf(raw: string, scope: Scope): XmlName {
  const [prefix, local] = raw.split(":");
  return local === undefined ? { raw, local: raw } : { raw, prefix, local, uri: scope[prefix!] };
}
