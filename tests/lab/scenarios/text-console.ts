import { handOverTwice } from "../desktop-life.ts";
import type { Scenario } from "../scenario.ts";

export const scenario: Scenario = {
  what: "a guest takes the only screen from the text console and gives it back, twice",
  run: (host) => handOverTwice(host),
};
