/**
 * What a kind of fault is, and what many of them do.
 *
 * @module
 */

import { type Errno, kernelError } from "./errno.ts";
import type { Operation, SimulatedHost } from "./host.ts";

/** Does to an operation what the fault is; `act` is what would have happened. */
export type React = (act: () => void, host: SimulatedHost, operation: Operation) => void;

/** A kind of fault. */
export interface FaultKind {
  /** One line for people. */
  readonly description: string;
  /** Kind of operation that it strikes; `*` for all. */
  readonly on: string;
  /** Which of them; all where this is not said. */
  readonly where?: (operation: Operation) => boolean;
  /** What it does. */
  readonly react: React;
}

/** Answers with an error of the kernel. */
export const fails = (code: Errno): React => () => {
  throw kernelError(code);
};

/** Says yes, and does nothing. */
export const ignored: React = () => {};
