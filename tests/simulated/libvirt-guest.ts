/**
 * What libvirt takes from a domain's XML, read in a way of its own.
 *
 * @module
 */

import type { PciFunction } from "./pci-function.ts";
import type { SimulatedProcess } from "./processes.ts";

/** A guest that libvirt has something of. */
export interface Guest {
  /** Name. */
  readonly name: string;
  /** UUID. */
  readonly uuid: string;
  /** Its XML, as hooks get it. */
  readonly xml: string;
  /** PCI functions of the host. */
  readonly devices: readonly { readonly address: string; readonly managed: boolean }[];
  /** Functions that libvirt itself took from the host. */
  readonly bound: PciFunction[];
  /** Its QEMU. */
  qemu?: SimulatedProcess;
}

/** What libvirt keeps of a guest from QEMU's start until it calls release. */
export function statusFile({ name }: Guest): string {
  return `/run/libvirt/qemu/${name}.xml`;
}

/** Ends a start. */
export class Failed extends Error {}

/** Ends anything: libvirtd is not there any more, or waits for ever. */
export class Gone extends Error {
  /** @param state Which of the two. */
  constructor(readonly state: "hung" | "lost") {
    super(state);
  }
}

/** Text of an attribute or element, by a pattern with one group. */
function first(xml: string, pattern: RegExp): string {
  return pattern.exec(xml)?.[1] ?? "";
}

/** What libvirt wants of a domain's XML. */
export function parseGuest(xml: string): Guest {
  const devices = [...xml.matchAll(/<hostdev\b[^>]*type='pci'[^>]*>[\s\S]*?<\/hostdev>/g)].map(([text]) => {
    const part = (name: string) =>
      first(text!, new RegExp(`<source>[\\s\\S]*?${name}='0x([0-9a-f]+)'[\\s\\S]*?</source>`));
    return {
      address: `${part("domain")}:${part("bus")}:${part("slot")}.${part("function")}`,
      managed: /managed='yes'/.test(text!),
    };
  });
  const name = first(xml, /<name>([^<]*)<\/name>/).replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
  return { name, uuid: first(xml, /<uuid>([^<]*)<\/uuid>/), xml, devices, bound: [] };
}
