/**
 * What things cost in virtual milliseconds: rough figures of a desktop machine, so that deadlines and waits mean something.
 *
 * @module
 */

/** Cost of one call of `System`. */
export const CALLS = {
  read: 0.01,
  write: 0.01,
  save: 0.1,
  append: 0.02,
  clock: 0.001,
} as const;

/** Cost of starting a program. */
export const START = 30;

/** Cost of what the kernel does, by the kind of operation. */
export const OPERATIONS: Readonly<Record<string, number>> = {
  bind: 10,
  unbind: 15,
  modprobe: 40,
  reset: 100,
  rescan: 20,
};

/** Cost of an unbind where a driver is slow, by what it drives. */
export const SLOW: Readonly<Record<string, number>> = { display: 80, nvidia: 80, vfio: 30 };
