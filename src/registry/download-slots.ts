// How many requests for blobs are under way at once, over all blobs of a client. Fair, and free of deadlock: a
// download that nobody reads makes room for one that somebody waits for. Knows nothing of HTTP.

export interface Slot {
  /** Gives the slot to whoever waits longest. May be called again. */
  release(): void;
}

interface Held extends Slot {
  /** Called every now and then while somebody waits: for a holder that can do without its slot. */
  readonly onWanted: (() => void) | undefined;
}

interface Waiter {
  readonly onWanted: (() => void) | undefined;
  grant(slot: Slot): void;
}

const ASK_HOLDERS_MS = 250;

export class DownloadSlots {
  readonly #held = new Set<Held>();
  readonly #waiting = new Set<Waiter>();
  readonly limit: number;
  #asking: NodeJS.Timeout | undefined;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Slots that are not free. */
  get inUse(): number {
    return this.#held.size;
  }

  /** Takes a slot in turn. Rejects with the signal's reason when it is aborted first. */
  async acquire(signal: AbortSignal, onWanted?: () => void): Promise<Slot> {
    signal.throwIfAborted();
    const slot = this.tryAcquire(onWanted);
    if (slot !== undefined) return slot;
    const { promise, resolve, reject } = Promise.withResolvers<Slot>();
    const waiter: Waiter = { onWanted, grant: resolve };
    const onAbort = () => {
      // At once, lest a slot be granted to somebody who is gone.
      this.#leaveQueue(waiter);
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#waiting.add(waiter);
    this.#asking ??= setInterval(() => this.#askHolders(), ASK_HOLDERS_MS);
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Takes a slot that nobody else wants; undefined when there is none. */
  tryAcquire(onWanted?: () => void): Slot | undefined {
    const isFree = this.#held.size < this.limit && this.#waiting.size === 0;
    return isFree ? this.#hold(onWanted) : undefined;
  }

  #hold(onWanted: (() => void) | undefined): Slot {
    const slot: Held = {
      onWanted,
      release: () => {
        if (this.#held.delete(slot)) this.#grantNext();
      },
    };
    this.#held.add(slot);
    return slot;
  }

  #grantNext(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#held.size >= this.limit) return;
    this.#leaveQueue(first);
    first.grant(this.#hold(first.onWanted));
  }

  #leaveQueue(waiter: Waiter): void {
    this.#waiting.delete(waiter);
    if (this.#waiting.size > 0) return;
    clearInterval(this.#asking);
    this.#asking = undefined;
  }

  #askHolders(): void {
    for (const { onWanted } of this.#held) onWanted?.();
  }
}
