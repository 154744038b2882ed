/**
 * /etc/virt-aid/config.xml: what may be in it, and what is wrong with one that has something else. docs/config.example.xml
 * explains every element.
 *
 * @module
 */

import {
  type Allow,
  type Config,
  CONFIG_FILE,
  DEFAULT_CONFIG,
  type DesktopPolicy,
  type ExpectedDevice,
} from "./config.ts";
import { AidError, printable } from "./errors.ts";
import type { System } from "./system.ts";
import { elements, find, present, quote, readXml, textOf, type XmlElement, XmlProblem } from "./xml.ts";

/** What an attribute's value has to look like. */
interface Form {
  /** All of the value. */
  readonly pattern: RegExp;
  /** The same in words. */
  readonly words: string;
}

const YES_OR_NO: Form = { pattern: /^(yes|no)$/, words: "yes or no" };
const HOLDERS: Form = { pattern: /^(refuse|terminate)$/, words: "refuse or terminate" };
const SECONDS: Form = { pattern: /^([1-9]|1\d|2[0-5])$/, words: "a number of seconds from 1 to 25" };
const SERVICE: Form = {
  pattern: /^[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]*$/,
  words: "a service's name such as ollama.service",
};
const NAME: Form = { pattern: /[^]/, words: "a guest's name" };
const ID: Form = { pattern: /^0x[0-9a-f]{4}$/, words: "four lower case hexadecimal digits such as 0x10de" };
const ADDRESS: Form = {
  pattern: /^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/,
  words: "an address as `lspci -D` prints it, 0000:01:00.0",
};

/** What an element may hold. */
interface Allowed {
  /** Attributes that may be there. */
  readonly optional?: Readonly<Record<string, Form>>;
  /** Attributes that have to be there. */
  readonly needed?: Readonly<Record<string, Form>>;
  /** The attribute by which elements of this name in one parent differ; without it there is one at most. */
  readonly key?: string;
  /** Elements that may be in it. */
  readonly children?: readonly string[];
}

/** Everything that the file may have. */
const ALLOWED: Readonly<Record<string, Allowed>> = {
  "virt-aid": { children: ["allow", "device", "desktop", "service", "guest"] },
  allow: { optional: { "last-keyboard": YES_OR_NO, "only-route": YES_OR_NO } },
  device: { needed: { address: ADDRESS, vendor: ID, product: ID }, key: "address" },
  desktop: { optional: { holders: HOLDERS, "keep-consoles": YES_OR_NO, restart: YES_OR_NO, wait: SECONDS } },
  service: { needed: { name: SERVICE }, key: "name" },
  guest: { needed: { name: NAME }, key: "name", children: ["allow", "device", "desktop", "service"] },
};

/** Holds an element and all in it against the table. */
function check(element: XmlElement): void {
  const name = element.name.raw;
  const { optional, needed, children = [] } = ALLOWED[name]!;
  const forms: Readonly<Record<string, Form>> = { ...needed, ...optional };
  const fail = (message: string, hint: string, where = element): never => {
    throw new XmlProblem(where, message, hint);
  };
  const known = (what: string, names: readonly string[]) => `<${name}> may have ${names.join(", ") || `no ${what}`}`;

  for (const [attribute, value] of Object.entries(element.attributes)) {
    if (!Object.hasOwn(forms, attribute)) {
      fail(`<${name}> has an unknown attribute ${quote(attribute)}`, known("attributes", Object.keys(forms)));
    }
    const { pattern, words } = forms[attribute]!;
    if (!pattern.test(value)) fail(`${attribute} is ${quote(value)}`, `make ${attribute} ${words}`);
  }
  for (const [attribute, { words }] of Object.entries(needed ?? {})) {
    if (!Object.hasOwn(element.attributes, attribute)) {
      fail(`<${name}> has no ${attribute}`, `add ${attribute}, ${words}`);
    }
  }
  const text = textOf(element).trim();
  if (text !== "") fail(`<${name}> has text in it: ${quote(text)}`, "remove the text, or make it a comment");

  const seen = new Set<string>();
  for (const child of elements(element)) {
    const kind = child.name.raw;
    if (!children.includes(kind)) fail(`<${name}> has an unknown <${kind}> in it`, known("elements", children), child);
    check(child);
    const key = ALLOWED[kind]!.key;
    const own = key === undefined ? kind : `${kind} ${child.attributes[key]}`;
    if (seen.has(own)) fail(`<${name}> has ${quote(own)} twice in it`, "make one of the two", child);
    seen.add(own);
  }
}

/** Attributes of an element that is there once or not at all. */
function attributesOf(parent: XmlElement, name: string): { get(attribute: string): string | undefined } {
  const attributes = find(parent, name)?.attributes ?? {};
  return { get: (attribute) => Object.hasOwn(attributes, attribute) ? attributes[attribute] : undefined };
}

/** What a yes or no means; undefined where nothing is said. */
const isYes = (value: string | undefined) => value === undefined ? undefined : value === "yes";

/** What `<allow>` in an element says; nothing where there is none. */
function readAllow(parent: XmlElement): Partial<Allow> {
  const said = attributesOf(parent, "allow");
  return present({ lastKeyboard: isYes(said.get("last-keyboard")), onlyRoute: isYes(said.get("only-route")) });
}

/** What `<desktop>` in an element says. */
function readDesktop(parent: XmlElement): Partial<DesktopPolicy> {
  const said = attributesOf(parent, "desktop");
  const wait = said.get("wait");
  return present({
    holders: said.get("holders") as DesktopPolicy["holders"] | undefined,
    keepConsoles: isYes(said.get("keep-consoles")),
    restart: isYes(said.get("restart")),
    wait: wait === undefined ? undefined : Number(wait),
  });
}

/** The `<service>` elements in an element. A name without a suffix is that of a service, as systemctl has it. */
function readServices(parent: XmlElement): string[] {
  return elements(parent, "service").map(({ attributes: { name } }) =>
    /\.[a-z]+$/.test(name!) ? name! : `${name}.service`
  );
}

/** The `<device>` elements in an element. */
function readDevices(parent: XmlElement): ExpectedDevice[] {
  return elements(parent, "device").map(({ attributes }) => ({
    address: attributes.address!,
    vendor: attributes.vendor!,
    product: attributes.product!,
  }));
}

/**
 * Reads a config.
 *
 * @throws {AidError} If it is not well-formed, or has anything in it that is not known: a word that is misspelt would
 * else be a check that is not made. The message begins with `/etc/virt-aid/config.xml:LINE:COLUMN`.
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { configFor } from "./config.ts";
 * import { parseConfig } from "./config-file.ts";
 *
 * const config = parseConfig(`
 *   <virt-aid>
 *     <device address="0000:01:00.0" vendor="0x10de" product="0x2684"/>
 *     <guest name="win11"><allow last-keyboard="yes"/></guest>
 *   </virt-aid>`);
 * assertEquals(configFor(config, "win11").allow, { lastKeyboard: true, onlyRoute: false });
 * assertEquals(configFor(config, "linux").allow, { lastKeyboard: false, onlyRoute: false });
 * ```
 */
export function parseConfig(xml: string): Config {
  return readXml(CONFIG_FILE, xml, "docs/config.example.xml shows what may be in it", (root) => {
    if (root.name.raw !== "virt-aid") {
      throw new XmlProblem(root, `this is a <${root.name.raw}>, not a <virt-aid>`, "put all of it into <virt-aid>");
    }
    check(root);
    return {
      allow: { ...DEFAULT_CONFIG.allow, ...readAllow(root) },
      devices: readDevices(root),
      desktop: { ...DEFAULT_CONFIG.desktop, ...readDesktop(root) },
      services: readServices(root),
      guests: elements(root, "guest").map((guest) => ({
        name: guest.attributes.name!,
        allow: readAllow(guest),
        devices: readDevices(guest),
        desktop: readDesktop(guest),
        services: readServices(guest),
      })),
    };
  });
}

/**
 * Reads the machine's config.
 *
 * @returns The config; the default one where there is no file.
 * @throws {AidError} If the file cannot be read, or `parseConfig` does not take it.
 */
export function readConfig(system: Pick<System, "read">): Config {
  let xml: string | undefined;
  try {
    xml = system.read(CONFIG_FILE);
  } catch (error) {
    const { message } = error as Error;
    throw new AidError(
      `${CONFIG_FILE} cannot be read: ${printable(message)}`,
      "it has to be a file that root can read",
    );
  }
  return xml === undefined ? DEFAULT_CONFIG : parseConfig(xml);
}
