// Ranges of a large blob that are fetched beside its stream, before their turn, and kept in memory until then. They
// are a favour: one that fails is not tried again, since the stream itself gets whatever is missing.

import { RangeRefused, type BlobRequests } from "./blob-request.ts";
import type { DownloadSlots, Slot } from "./download-slots.ts";
import type { Lane } from "./lane.ts";
import { RangeLane } from "./range-lane.ts";
import { nextRange, type Range } from "./range-plan.ts";

/** What all downloads of a client share. */
export class AheadBudget {
  /** Some host has answered a range with something else: none is asked for again. */
  isRefused = false;
  #freeBytes = 32 * 1024 ** 2;

  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Sets bytes of memory apart; false where there are not so many. */
  take(bytes: number): boolean {
    if (bytes > this.#freeBytes) return false;
    this.#freeBytes -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#freeBytes += bytes;
  }
}

export interface RangesAheadOptions {
  /** Bytes of the blob. */
  readonly size: number;
  readonly slots: DownloadSlots;
  readonly budget: AheadBudget;
  readonly requests: BlobRequests;
}

/** A network that breaks so often is not helped by more connections. */
const MAX_FAILURES = 3;

export class RangesAhead {
  readonly #options: RangesAheadOptions;
  /** Without gaps between them, the next to be read first. */
  readonly #ranges: RangeLane[] = [];
  #taken: RangeLane | undefined;
  #failures = 0;
  #isClosed = false;

  constructor(options: RangesAheadOptions) {
    this.#options = options;
  }

  /** The first byte that is fetched ahead; the blob's size where none is. */
  get start(): number {
    return this.#ranges[0]?.range.start ?? this.#options.size;
  }

  /** Begins to fetch ahead of a stream that has come to byte `at` of the blob. */
  begin(at: number): void {
    const { size, slots } = this.#options;
    const ownRange = nextRange(at, size, slots.limit);
    if (ownRange !== undefined && this.#ranges.length === 0) this.#extend(ownRange.end);
  }

  /** Hands over the range that begins at byte `at` of the blob, where there is one. */
  take(at: number): Lane | undefined {
    if (this.#ranges[0]?.range.start !== at) return undefined;
    this.#taken = this.#ranges.shift();
    return this.#taken;
  }

  close(): void {
    this.#isClosed = true;
    for (const lane of this.#ranges.splice(0)) lane.close();
  }

  /** Opens as many ranges as there are slots and memory to spare for. */
  #extend(from = this.#ranges.at(-1)?.range.end ?? this.#taken?.range.end): void {
    const { size, slots, budget } = this.#options;
    const isOver = this.#isClosed || budget.isRefused || this.#failures >= MAX_FAILURES;
    const range = from === undefined || isOver ? undefined : nextRange(from, size, slots.limit);
    if (range === undefined || !budget.take(range.end - range.start)) return;
    const slot = slots.tryAcquire();
    if (slot === undefined) return budget.giveBack(range.end - range.start);
    this.#ranges.push(this.#open(range, slot));
    this.#extend();
  }

  #open(range: Range, slot: Slot): RangeLane {
    const { budget, requests } = this.#options;
    return new RangeLane(range, {
      requests,
      onEnd: (error) => {
        slot.release();
        if (error instanceof RangeRefused) budget.isRefused = true;
        if (error !== undefined) this.#failures += 1;
        this.#extend();
      },
      onClose: (lane) => {
        budget.giveBack(range.end - range.start);
        this.#extend();
        if (this.#taken === lane) this.#taken = undefined;
      },
    });
  }
}
