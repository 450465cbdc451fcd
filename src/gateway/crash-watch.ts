// How soon something that has ended by itself is started again, and when it ends so often that people have to be
// told. Knows no processes and no clock.

export interface CrashWatch {
  /** It ended by itself after so many milliseconds. Returns the milliseconds to wait before it is started again. */
  ended(ranMs: number): number;
  /** It ended so often in a row that starting it again is hope. */
  readonly isLooping: boolean;
  /** How often it has ended by itself in all. */
  readonly crashes: number;
}

/** Whoever ran as long as this was in order, whatever ended it then. */
const STEADY_MS = 60_000;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 30_000;
const LOOP_AFTER = 3;

/** The first end is followed by a start at once; from then on each wait is twice the one before. */
export function createCrashWatch(): CrashWatch {
  let inARow = 0;
  let crashes = 0;
  return {
    ended(ranMs) {
      inARow = ranMs >= STEADY_MS ? 1 : inARow + 1;
      crashes++;
      return inARow === 1 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (inARow - 2));
    },
    get isLooping() {
      return inARow >= LOOP_AFTER;
    },
    get crashes() {
      return crashes;
    },
  };
}
