import { handOverTwice, setUp } from "../desktop-life.ts";
import { DESKTOPS } from "../desktops.ts";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "a guest takes the only card from a display manager, and gives it back, twice",
  async run(host) {
    await setUp(host, DESKTOPS.xdm);
    await handOverTwice(host, DESKTOPS.xdm);
  },
};
