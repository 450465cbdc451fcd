// Lines that come faster than anybody reads: some go through, the rest are counted.

export interface RateLimit {
  /** Takes a line, or counts it. */
  take(line: string): void;
}

const WINDOW_MS = 1_000;

/** Passes up to `perSecond` lines a second on; how many were withheld is told with the next one that passes. */
export function limitRate(
  perSecond: number,
  pass: (line: string, withheld: number) => void,
): RateLimit {
  let windowEnds = 0;
  let passed = 0;
  let withheld = 0;
  return {
    take(line) {
      const now = performance.now();
      if (now >= windowEnds) {
        windowEnds = now + WINDOW_MS;
        passed = 0;
      }
      if (passed >= perSecond) {
        withheld += 1;
        return;
      }
      passed += 1;
      pass(line, withheld);
      withheld = 0;
    },
  };
}
