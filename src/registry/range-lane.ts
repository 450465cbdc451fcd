// A range of a blob that is fetched at once, and read when its turn comes. Its bytes wait in memory until then.

import { RangeRefused, type BlobRequests } from "./blob-request.ts";
import type { Lane } from "./lane.ts";
import type { Range } from "./range-plan.ts";

export interface RangeLaneOptions {
  readonly requests: BlobRequests;
  /** Told once, when the request has ended, and how. */
  onEnd(error: unknown): void;
  /** Told once, when the bytes are no longer kept. */
  onClose(lane: RangeLane): void;
}

export class RangeLane implements Lane {
  readonly range: Range;
  readonly #options: RangeLaneOptions;
  readonly #abort = new AbortController();
  readonly #chunks: Uint8Array[] = [];
  #came = Promise.withResolvers<void>();
  #hasEnded = false;

  constructor(range: Range, options: RangeLaneOptions) {
    this.range = range;
    this.#options = options;
    this.#fetch().then(
      () => this.#end(undefined),
      (error: unknown) => this.#end(error),
    );
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.#chunks.length === 0 && !this.#hasEnded) await this.#came.promise;
    return this.#chunks.shift();
  }

  close(): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    this.#chunks.length = 0;
    this.#options.onClose(this);
  }

  async #fetch(): Promise<void> {
    const { signal } = this.#abort;
    const { stream } = await this.#options.requests.range(this.range, signal);
    const reader = stream.getReader();
    const cancel = () => void reader.cancel().catch(() => {});
    if (signal.aborted) return cancel();
    signal.addEventListener("abort", cancel, { once: true });
    let missing = this.range.end - this.range.start;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      missing -= value.length;
      if (missing < 0) {
        cancel();
        // Whoever sends more than the range is not believed the rest either.
        throw new RangeRefused();
      }
      this.#chunks.push(value);
      this.#came.resolve();
      this.#came = Promise.withResolvers();
    }
    if (missing > 0) throw new Error("the range is incomplete");
  }

  #end(error: unknown): void {
    this.#hasEnded = true;
    this.#came.resolve();
    this.#options.onEnd(error);
  }
}
