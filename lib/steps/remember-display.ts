import { AidError } from "../errors.ts";
import { connectedOf, connectorsOf, hasCard } from "../host/display.ts";
import { PCI } from "../host/pci.ts";
import type { RememberDisplay, StepKind } from "../step.ts";
import type { System } from "../system.ts";

/** How long a driver may take to make its card: some do so on another thread. */
const CARD_MS = 5_000;
/** How long a monitor may take to be seen: it wakes up first. */
const MONITOR_MS = 3_000;

/** Waits for monitors; gives the names of the connectors that have none. */
async function missing(
  system: System,
  address: string,
  names: readonly string[],
  timeoutMs: number,
): Promise<string[]> {
  const gone = () => {
    const connected = connectedOf(system, address);
    return names.filter((name) => !connected.includes(name));
  };
  await system.until(() => gone().length === 0, timeoutMs);
  return gone();
}

/** See {@linkcode RememberDisplay}. */
export const rememberDisplay: StepKind<RememberDisplay> = {
  describe: (step) => `remember what ${step.address} shows`,
  addresses: (step) => [step.address],
  look: (system, step) => ({
    already: !hasCard(system, step.address),
    connected: connectedOf(system, step.address).join(" "),
  }),
  apply: () => {},
  async undo(system, step, before, timeoutMs) {
    const { address } = step;
    if (system.info(`${PCI}/${address}`) === undefined) return; // said by the step that brings it back
    if (!await system.until(() => hasCard(system, address), Math.min(CARD_MS, timeoutMs))) {
      throw new AidError(`${address} has no DRM card any more`, "look at dmesg; a reboot brings it back");
    }
    const names = String(before.connected).split(" ").filter((name) => name !== "");
    // some drivers have to be asked before they look at a connector again (docs/vfio.md M6)
    for (const name of await missing(system, address, names, Math.min(MONITOR_MS, timeoutMs) / 3)) {
      const folder = connectorsOf(system, address).get(name);
      if (folder !== undefined) system.write(`${folder}/status`, "detect");
    }
    const dark = await missing(system, address, names, Math.min(MONITOR_MS, timeoutMs));
    if (dark.length > 0) return `no monitor is seen on ${dark.join(", ")} of ${address}, as there was before`;
  },
};
