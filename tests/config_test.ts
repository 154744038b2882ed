import { assert, assertEquals, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Config, CONFIG_FILE, configFor, DEFAULT_CONFIG, type GuestConfig } from "../lib/config.ts";
import { parseConfig, readConfig } from "../lib/config-file.ts";
import { AidError } from "../lib/errors.ts";
import { RealSystem } from "../lib/real-system.ts";

const example = Deno.readTextFileSync(new URL("../docs/config.example.xml", import.meta.url));
const CARD = { address: "0000:01:00.0", vendor: "0x10de", product: "0x2684" };
const cardElement = `<device address="0000:01:00.0" vendor="0x10de" product="0x2684"/>`;

Deno.test("the example says what it explains", () => {
  assertEquals(parseConfig(example), {
    allow: { lastKeyboard: false, onlyRoute: false },
    devices: [CARD, { address: "0000:01:00.1", vendor: "0x10de", product: "0x22ba" }],
    desktop: { holders: "refuse", keepConsoles: false, restart: false, wait: 15 },
    services: ["ollama.service"],
    guests: [{
      name: "win11",
      allow: { lastKeyboard: true },
      devices: [{ address: "0000:04:00.0", vendor: "0x1b21", product: "0x2142" }],
      desktop: { wait: 20 },
      services: [],
    }],
  });
});

Deno.test("an empty config is the default one", () => {
  for (const xml of ["<virt-aid/>", "\ufeff<?xml version='1.0'?>\r\n<virt-aid>\r\n<!-- <x> & --></virt-aid>\r\n"]) {
    assertEquals(parseConfig(xml), DEFAULT_CONFIG);
  }
});

Deno.test("a guest's own words go before those for all guests", () => {
  const config = parseConfig(`
    <virt-aid>
      <allow only-route="yes"/>
      ${cardElement}
      <device address="0000:01:00.1" vendor="0x10de" product="0x22ba"/>
      <guest name="a"><allow only-route="no" last-keyboard="yes"/></guest>
      <guest name="b"><device address="0000:01:00.0" vendor="0x1002" product="0x744c"/></guest>
      <guest name="&lt;c&gt;"/>
    </virt-aid>`);
  const audio = { address: "0000:01:00.1", vendor: "0x10de", product: "0x22ba" };
  const forAll = {
    allow: { lastKeyboard: false, onlyRoute: true },
    devices: [CARD, audio],
    desktop: DEFAULT_CONFIG.desktop,
    services: [],
  };
  assertEquals(configFor(config, "another"), forAll);
  assertEquals(configFor(config, "<c>"), forAll);
  assertEquals(configFor(config, "a"), { ...forAll, allow: { lastKeyboard: true, onlyRoute: false } });
  assertEquals(configFor(config, "b").devices, [{ ...CARD, vendor: "0x1002", product: "0x744c" }, audio]);
});

Deno.test("what is wrong is told with its place and a remedy", () => {
  const inside = (xml: string) => `<virt-aid>\n  <!-- <a> -->${xml}\n</virt-aid>`;
  const device = (more: string) => inside(`<device vendor="0x10de" product="0x2684" ${more}/>`);
  for (
    const [xml, message, hint] of [
      ["", /:1:1: /, /config\.example\.xml/],
      ["<virt-aid>\n<allow>\n</virt-aid>", /:3:\d+: /, /example/],
      ["<virt-aid>\n\n  <guest name='a & b'/></virt-aid>", /:3:18: /, /example/],
      ["<!-- &x; --><virt-aid>\n<guest name='&#65;&#0;'/></virt-aid>", /:2:19: /, /example/],
      ["<!DOCTYPE virt-aid><virt-aid/>", /:1:3: DOCTYPE/, /example/],
      ["<virtaid/>", /:1:1: this is a <virtaid>, not a <virt-aid>$/, /into <virt-aid>/],
      [
        inside("<alow/>"),
        /:2:15: <virt-aid> has an unknown <alow> in it$/,
        /may have allow, device, desktop, service, guest$/,
      ],
      [inside("<allow><device/></allow>"), /:2:22: <allow> has an unknown <device>/, /<allow> may have no elements$/],
      [
        inside("<guest name='a'><guest name='b'/></guest>"),
        /:2:31: <guest> has/,
        /may have allow, device, desktop, service$/,
      ],
      [inside('<desktop wait="0"/>'), /:2:15: wait is "0"/, /a number of seconds from 1 to 25/],
      [inside('<desktop holders="kill"/>'), /holders is "kill"/, /refuse or terminate/],
      [inside("<service name='a b'/>"), /name is "a b"/, /a service's name/],
      [inside("<service name='-x'/>"), /name is "-x"/, /a service's name/],
      [inside("<constructor/>"), /unknown <constructor>/, /may have/],
      [
        inside("\n<allow onlyroute='yes'/>"),
        /:3:1: <allow> has an unknown attribute "onlyroute"$/,
        /last-keyboard, only-r/,
      ],
      [inside("<allow toString='yes'/>"), /unknown attribute "toString"$/, /may have/],
      ["<virt-aid version='1'/>", /:1:1: <virt-aid> has an unknown attribute "version"$/, /may have no attributes$/],
      [inside("<allow only-route='true'/>"), /:2:15: only-route is "true"$/, /^make only-route yes or no$/],
      [inside("<allow only-route='yes&#10;'/>"), /only-route is "yes\\u\{a\}"$/, /yes or no/],
      [device(""), /:2:15: <device> has no address$/, /^add address, an address as `lspci -D`/],
      [device("address='01:00.0'"), /address is "01:00.0"$/, /0000:01:00\.0$/],
      [device("address='0000:01:00.8'"), /address is/, /lspci/],
      [device("address='0000:01:20.0'"), /address is/, /lspci/],
      [inside(cardElement.replace("0x10de", "0x10DE")), /vendor is "0x10DE"$/, /lower case/],
      [inside(cardElement.replace("0x2684", "2684")), /product is "2684"$/, /0x/],
      [inside(cardElement + cardElement), /:2:80: .*"device 0000:01:00\.0" twice/, /one/],
      [inside("<allow/><allow/>"), /:2:23: .*"allow" twice/, /one/],
      [inside("<guest name='a'/>\n<guest name='a'/>"), /:3:1: .*"guest a" twice/, /one/],
      [inside("<guest name=''/>"), /name is ""$/, /a guest's name$/],
      [inside("<guest/>"), /<guest> has no name$/, /a guest's name$/],
      [inside("only-route"), /:1:1: <virt-aid> has text in it: "only-route"$/, /remove/],
      [inside("<allow><![CDATA[yes]]></allow>"), /<allow> has text in it: "yes"$/, /remove/],
    ] as const
  ) {
    const error = assertThrows(() => parseConfig(xml), AidError, `${CONFIG_FILE}:`, xml);
    assertMatch(error.message, message);
    assertMatch(error.hint!, hint);
  }
});

Deno.test("names that differ only at their ends are two guests", () => {
  const long = "n".repeat(200);
  assertEquals(parseConfig(`<virt-aid><guest name="${long}1"/><guest name="${long}2"/></virt-aid>`).guests.length, 2);
});

Deno.test("the file may be missing; one that cannot be read is an error", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const system = new RealSystem([["/etc/virt-aid/", `${folder}/`]]);
    assertEquals(readConfig(system), DEFAULT_CONFIG);
    Deno.writeTextFileSync(`${folder}/config.xml`, `<virt-aid>${cardElement}</virt-aid>`);
    assertEquals(readConfig(system).devices, [CARD]);
    Deno.writeTextFileSync(`${folder}/config.xml`, "<virt-aid>");
    assertThrows(() => readConfig(system), AidError, "/etc/virt-aid/config.xml:1:");
    Deno.removeSync(`${folder}/config.xml`);
    Deno.mkdirSync(`${folder}/config.xml`);
    const error = assertThrows(() => readConfig(system), AidError, "/etc/virt-aid/config.xml cannot be read: ");
    assert(error.hint);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

const hex = (digits: number) => fc.nat(16 ** digits - 1).map((it) => `0x${it.toString(16).padStart(digits, "0")}`);
const devices = fc.uniqueArray(
  fc.record({
    address: fc.tuple(fc.nat(0xffff), fc.nat(0xff), fc.nat(0x1f), fc.nat(7)).map(([domain, bus, slot, fn]) =>
      [[domain, 4], [bus, 2], [slot, 2]].map(([n, digits]) => n!.toString(16).padStart(digits!, "0")).join(":") +
      `.${fn}`
    ),
    vendor: hex(4),
    product: hex(4),
  }, { noNullPrototype: true }),
  { selector: (it) => it.address },
);
const flags = { lastKeyboard: fc.boolean(), onlyRoute: fc.boolean() };
const desktop = {
  holders: fc.constantFrom("refuse" as const, "terminate" as const),
  keepConsoles: fc.boolean(),
  restart: fc.boolean(),
  wait: fc.integer({ min: 1, max: 25 }),
};
const services = fc.uniqueArray(fc.constantFrom("ollama.service", "sunshine@ann.service", "a-b_c.socket"));
const guest: fc.Arbitrary<GuestConfig> = fc.record({
  name: fc.string({ minLength: 1 }),
  allow: fc.record(flags, { requiredKeys: [], noNullPrototype: true }),
  devices,
  desktop: fc.record(desktop, { requiredKeys: [], noNullPrototype: true }),
  services,
}, { noNullPrototype: true });
const config: fc.Arbitrary<Config> = fc.record({
  allow: fc.record(flags, { noNullPrototype: true }),
  devices,
  desktop: fc.record(desktop, { noNullPrototype: true }),
  services,
  guests: fc.uniqueArray(guest, { selector: (it) => it.name }),
}, { noNullPrototype: true });

const escape = (text: string) => text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);
const render = (it: Omit<GuestConfig, "name">) => {
  const yes = (name: string, value?: boolean) => value === undefined ? "" : ` ${name}="${value ? "yes" : "no"}"`;
  return [
    `<allow${yes("last-keyboard", it.allow.lastKeyboard)}${yes("only-route", it.allow.onlyRoute)}/>`,
    `<desktop${yes("keep-consoles", it.desktop.keepConsoles)}${yes("restart", it.desktop.restart)}${
      it.desktop.holders ? ` holders="${it.desktop.holders}"` : ""
    }${it.desktop.wait ? ` wait="${it.desktop.wait}"` : ""}/>`,
    ...it.services.map((name) => `<service name="${name}"/>`),
    ...it.devices.map((d) => `<device address="${d.address}" vendor="${d.vendor}" product="${d.product}"/>`),
  ].join("\n");
};

Deno.test("a config comes back as it was written", () => {
  fc.assert(fc.property(config, (it) => {
    const guests = it.guests.map((own) => `<guest name="${escape(own.name)}">${render(own)}</guest>`);
    assertEquals(parseConfig(`<virt-aid>${render(it)}${guests.join("")}</virt-aid>`), it);
  }));
});

Deno.test("whatever is done to the example, the only error is ours, with a place and in one line", () => {
  const at = fc.nat(example.length);
  fc.assert(fc.property(at, fc.nat(20), fc.string(), (start, length, piece) => {
    try {
      parseConfig(example.slice(0, start) + piece + example.slice(start + length));
    } catch (error) {
      assertInstanceOf(error, AidError);
      assertMatch(error.message, /^\/etc\/virt-aid\/config\.xml:\d+:\d+: .+$/);
      assert(error.hint);
    }
  }));
});
