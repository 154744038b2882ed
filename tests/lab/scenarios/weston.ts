import { handOverTwice, setUp } from "../desktop-life.ts";
import { DESKTOPS } from "../desktops.ts";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "a guest takes the only card from a Wayland compositor on a text console, and gives it back, twice",
  async run(host) {
    await setUp(host, DESKTOPS.weston);
    await handOverTwice(host, DESKTOPS.weston);
  },
};
