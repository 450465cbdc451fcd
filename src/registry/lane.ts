// A stretch of a blob that is read as the wire delivers it.

import type { ReadableStreamDefaultReader } from "node:stream/web";
import { RunnerError } from "../errors.ts";
import { damaged } from "./blob-problem.ts";
import type { BlobBody } from "./blob-body.ts";
import type { Slot } from "./download-slots.ts";
import type { Progress } from "./range-plan.ts";

/** Bytes of a blob from somewhere on. */
export interface Lane {
  /** The next bytes; undefined after the last. */
  read(): Promise<Uint8Array | undefined>;
  /** Ends the request, and gives back what it holds. May be called again. */
  close(): void;
}

export class PlainLane implements Lane {
  readonly host: string;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #slot: Slot;
  #unwanted: number;
  #waitedMs = 0;
  #bytes = 0;

  /** Takes over the slot. Delivers from byte `at` of the blob on, though the body may begin before it. */
  constructor({ stream, start, host }: BlobBody, at: number, slot: Slot) {
    this.host = host;
    this.#reader = stream.getReader();
    this.#slot = slot;
    this.#unwanted = at - start;
  }

  get progress(): Progress {
    return { waitedMs: this.#waitedMs, bytes: this.#bytes };
  }

  /** Fails as the body does, and with DIGEST_MISMATCH where it is not encoded as its headers say. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const since = performance.now();
      const { done, value } = await this.#reader.read().catch((error) => this.#fail(error));
      this.#waitedMs += performance.now() - since;
      if (done) return undefined;
      this.#bytes += value.length;
      const chunk = this.#unwanted === 0 ? value : value.subarray(this.#unwanted);
      this.#unwanted -= value.length - chunk.length;
      if (chunk.length > 0) return chunk;
    }
  }

  close(): void {
    // A body that failed rejects with a reason that its reader has already seen.
    this.#reader.cancel().catch(() => {});
    this.#slot.release();
  }

  #fail(error: unknown): never {
    // A body fails with our own errors, so any other is the decoder's.
    throw error instanceof RunnerError ? error : damaged(this.host, error);
  }
}
