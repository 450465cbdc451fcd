// How many bytes have come to whoever reads them, and who waits for that: a server that breaks a connection too early
// takes back what it has sent.

export interface Arrivals {
  tell(bytes: number): void;
  /** Waits until so many have come, all in all. */
  reached(total: number): Promise<void>;
}

export function countArrivals(): Arrivals {
  let count = 0;
  const waiting = new Map<() => void, number>();
  return {
    tell(bytes) {
      count += bytes;
      for (const [resolve, total] of waiting) if (total <= count) resolve();
    },
    async reached(total) {
      if (total <= count) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.set(resolve, total);
      await promise;
      waiting.delete(resolve);
    },
  };
}
