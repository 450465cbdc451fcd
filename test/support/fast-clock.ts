// A clock whose waits take no time: it remembers them instead, and moves on by as much.

import type { Clock } from "../../src/registry/clock.ts";

export interface FastClock extends Clock {
  /** Milliseconds, a wait each. */
  readonly waits: readonly number[];
  /** Lets time pass. */
  advance(ms: number): void;
}

/** `random` says what every throw of the dice gives; the longest backoff comes of the default. */
export function fastClock(random = 1): FastClock {
  const waits: number[] = [];
  let now = Date.UTC(2026, 0, 2, 3, 4, 5);
  return {
    waits,
    advance(ms) {
      now += ms;
    },
    now: () => now,
    random: () => random,
    async wait(ms, signal) {
      signal?.throwIfAborted();
      waits.push(ms);
      now += ms;
    },
  };
}
