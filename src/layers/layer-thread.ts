// The main thread's side of a thread that reads layers, one after the other. Bytes go to it by transfer, in a few
// buffers that come back, so that memory grows neither with a layer nor with a fast network.

import { RunnerError } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { Entry } from "./entry.ts";
import { type Budget, Stopped } from "./limits.ts";
import type { LayerSummary } from "./read.ts";
import { VerifiedBlob } from "./verify.ts";
import { type FromWorker, type ToWorker, errorOf } from "./worker-messages.ts";

export interface LayerSource {
  readonly descriptor: Descriptor;
  /** The digest that the image config promises for the unpacked bytes. */
  readonly diffId: Digest;
  open(): Promise<ReadableStream<Uint8Array>>;
}

/** A layer that has been read; nothing of it is unverified: both digests cover every byte. */
export interface LayerContents extends LayerSummary {
  readonly entries: readonly Entry[];
  readonly compressedBytes: number;
}

export interface ReadOptions {
  /** Where the contents of the layer's files go: a directory that must not exist. */
  readonly bodies: string;
  /** Whose content is written; everybody's by default. */
  readonly contentOf: readonly string[] | undefined;
  /** Told how many compressed bytes have come since the last time. */
  onBytes(bytes: number): void;
}

const BUFFER_BYTES = 512 * 1024;
const BUFFERS = 6;

export class LayerThread implements Disposable {
  readonly #worker: Worker;
  readonly #budget: Budget;
  #buffers: ArrayBuffer[] = Array.from({ length: BUFFERS }, () => new ArrayBuffer(BUFFER_BYTES));
  #bufferCame = Promise.withResolvers<void>();
  #entries: Entry[] = [];
  #finished = Promise.withResolvers<LayerSummary>();
  #failure: Error | undefined;
  #blob: VerifiedBlob | undefined;

  constructor(budget: Budget) {
    this.#budget = budget;
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url).href);
    this.#worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) =>
      this.#hear(data),
    );
    this.#worker.addEventListener("error", (event) => {
      this.#fail(new RunnerError("INTERNAL", `a layer's thread ended: ${event.message}`));
    });
  }

  /**
   * Reads a layer; the contents of its files land in `bodies`, a directory that must not exist.
   * Throws LAYER_CORRUPT, LAYER_UNSUPPORTED, LAYER_UNSAFE, LIMIT_EXCEEDED, DIGEST_MISMATCH, DISK_FULL,
   * DISK_UNWRITABLE, and what the source throws.
   */
  async read(
    source: LayerSource,
    { bodies, contentOf, onBytes }: ReadOptions,
  ): Promise<LayerContents> {
    this.#entries = [];
    this.#finished = Promise.withResolvers();
    // Nobody may be waiting for it yet when it fails.
    this.#finished.promise.catch(() => {});
    const { diffId } = source;
    const { limits, shared: budget } = this.#budget;
    this.#tell({ kind: "begin", diffId, bodies, limits, contentOf, budget });
    const blob = new VerifiedBlob(await source.open(), source.descriptor);
    this.#blob = blob;
    try {
      await this.#feed(blob, onBytes);
      this.#tell({ kind: "end" });
      const summary = await this.#finished.promise;
      const entries = this.#entries;
      this.#entries = [];
      return { ...summary, entries, compressedBytes: blob.bytes };
    } catch (error) {
      // Bytes that are not the image's own are no evidence against it: the digest is asked before the image is blamed.
      if (error instanceof RunnerError && error.code.startsWith("LAYER_")) await blob.drain();
      throw error;
    } finally {
      await blob.cancel();
    }
  }

  /** Ends the thread, and whatever it reads: the source is let go. */
  [Symbol.dispose](): void {
    this.#worker.terminate();
    this.#fail(new Stopped());
    void this.#blob?.cancel();
  }

  async #feed(blob: VerifiedBlob, onBytes: (bytes: number) => void): Promise<void> {
    let buffer = await this.#takeBuffer();
    let length = 0;
    for (let chunk = await blob.read(); chunk !== undefined; chunk = await blob.read()) {
      onBytes(chunk.length);
      for (let at = 0; at < chunk.length;) {
        const taken = Math.min(BUFFER_BYTES - length, chunk.length - at);
        new Uint8Array(buffer).set(chunk.subarray(at, at + taken), length);
        at += taken;
        length += taken;
        if (length < BUFFER_BYTES) continue;
        this.#tell({ kind: "bytes", buffer, length }, [buffer]);
        buffer = await this.#takeBuffer();
        length = 0;
      }
    }
    this.#tell({ kind: "bytes", buffer, length }, [buffer]);
  }

  async #takeBuffer(): Promise<ArrayBuffer> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const buffer = this.#buffers.pop();
      if (buffer !== undefined) return buffer;
      await this.#bufferCame.promise;
    }
  }

  #hear(message: FromWorker): void {
    switch (message.kind) {
      case "entries":
        for (const entry of message.entries) this.#entries.push(entry);
        break;
      case "taken":
        this.#buffers.push(message.buffer);
        this.#wake();
        break;
      case "done":
        this.#finished.resolve(message.summary);
        break;
      case "failed":
        this.#fail(errorOf(message.failure));
        break;
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#finished.reject(error);
    this.#wake();
  }

  #wake(): void {
    this.#bufferCame.resolve();
    this.#bufferCame = Promise.withResolvers();
  }

  #tell(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }
}
