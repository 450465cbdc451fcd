// One blob as one stream, however often the connection breaks: it goes on at the byte where it stopped, and a large
// blob comes over several connections. Delivers no byte twice and leaves none out; whether they are the right ones is
// for its reader to verify.

import { RunnerError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { endsEarly, tooLong } from "./blob-problem.ts";
import { BlobRequests, SignatureExpired, type BlobSource } from "./blob-request.ts";
import type { DownloadSlots } from "./download-slots.ts";
import { PlainLane, type Lane } from "./lane.ts";
import type { Patience } from "./persist.ts";
import { isWorthwhile } from "./range-plan.ts";
import { RangesAhead, type AheadBudget } from "./ranges-ahead.ts";
import { TRIES, backoff } from "./retry.ts";

export interface DownloadOptions {
  readonly source: BlobSource;
  readonly slots: DownloadSlots;
  readonly budget: AheadBudget;
  /** For a stream that breaks off. */
  readonly patience: Patience;
  /** Milliseconds without a reader after which a stream makes room for another one. */
  readonly idleMs?: number;
}

/** A host that refuses a newly signed address so often has another reason. */
const MAX_RENEWALS = 2;
const DEFAULT_IDLE_MS = 5000;

/**
 * Opens a blob: its bytes as they are stored, unverified, but never more than its size.
 * Fails, at once or in the stream, with REGISTRY_UNREACHABLE, REGISTRY_RESPONSE_INVALID, DIGEST_MISMATCH, and what its
 * source says.
 */
export async function downloadBlob(
  blob: Descriptor,
  options: DownloadOptions,
): Promise<ReadableStream<Uint8Array>> {
  const download = new Download(blob, options);
  await download.begin();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await download.next();
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: () => download.close(),
    },
    { highWaterMark: 0 },
  );
}

class Download {
  readonly #blob: Descriptor;
  readonly #options: DownloadOptions;
  readonly #requests: BlobRequests;
  readonly #ahead: RangesAhead;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  /** Bytes delivered. */
  #at = 0;
  #lane: Lane | undefined;
  /** Both since the last byte. */
  #tries = 0;
  #renewals = 0;
  /** When it was last read from; undefined while it is. */
  #idleSince: number | undefined;

  constructor(blob: Descriptor, options: DownloadOptions) {
    const { source, slots, budget, patience } = options;
    const ends = patience.signal === undefined ? [] : [patience.signal];
    this.#signal = AbortSignal.any([this.#abort.signal, ...ends]);
    this.#blob = blob;
    this.#options = options;
    this.#requests = new BlobRequests(blob, source);
    this.#ahead = new RangesAhead({ size: blob.size, slots, budget, requests: this.#requests });
  }

  begin(): Promise<void> {
    return this.#work(async () => {
      this.#lane = await this.#openPlain();
    });
  }

  /** The next bytes; undefined after the last. */
  next(): Promise<Uint8Array | undefined> {
    return this.#work(async () => {
      for (;;) {
        if (this.#lane === undefined && this.#isWhole) return this.close();
        this.#lane ??= this.#ahead.take(this.#at) ?? (await this.#openPlain());
        const chunk = await this.#readFrom(this.#lane);
        if (chunk !== undefined) return this.#deliver(chunk);
      }
    });
  }

  /** Ends whatever is under way. */
  close(): undefined {
    this.#abort.abort();
    this.#ahead.close();
    this.#leaveLane();
  }

  get #isWhole(): boolean {
    return this.#at === this.#blob.size;
  }

  async #work<Result>(action: () => Promise<Result>): Promise<Result> {
    this.#idleSince = undefined;
    try {
      return await action();
    } catch (error) {
      this.close();
      throw error;
    } finally {
      this.#idleSince = performance.now();
    }
  }

  async #openPlain(): Promise<PlainLane> {
    const signal = this.#signal;
    for (;;) {
      const slot = await this.#options.slots.acquire(signal, () => this.#makeRoom());
      try {
        const body = await this.#requests.from(this.#at, signal);
        // Nobody would ever close the lane.
        signal.throwIfAborted();
        return new PlainLane(body, this.#at, slot);
      } catch (error) {
        slot.release();
        if (!(error instanceof SignatureExpired)) throw error;
        this.#renewals += 1;
        if (this.#renewals > MAX_RENEWALS) throw error.refusal;
      }
    }
  }

  // Undefined when the lane has come to its end, be it a good one or not.
  async #readFrom(lane: Lane): Promise<Uint8Array | undefined> {
    let problem: unknown;
    try {
      const chunk = await lane.read();
      if (chunk !== undefined) return chunk;
    } catch (error) {
      problem = error;
    }
    this.#leaveLane();
    // Once all bytes are here it does not matter how the connection ends. What a range that was fetched ahead lacks is
    // asked for plainly.
    if (!this.#isWhole && lane instanceof PlainLane) await this.#pause(lane.host, problem);
    return undefined;
  }

  #deliver(chunk: Uint8Array): Uint8Array {
    const end = this.#ahead.start;
    const room = end - this.#at;
    if (chunk.length > room && end === this.#blob.size) throw tooLong(this.#blob);
    // What follows is here already, or on its way.
    if (chunk.length >= room && end < this.#blob.size) this.#leaveLane();
    const wanted = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#at += wanted.length;
    this.#tries = 0;
    this.#renewals = 0;
    this.#speedUp();
    return wanted;
  }

  #speedUp(): void {
    if (!(this.#lane instanceof PlainLane) || !this.#requests.isRangeable) return;
    const remaining = this.#ahead.start - this.#at;
    if (isWorthwhile(this.#lane.progress, remaining)) this.#ahead.begin(this.#at);
  }

  // Somebody waits for a slot, perhaps the one who will read this blob later: nobody may wait for ever.
  #makeRoom(): void {
    const { idleMs = DEFAULT_IDLE_MS } = this.#options;
    const isIdle = this.#idleSince !== undefined && performance.now() - this.#idleSince > idleMs;
    if (isIdle && this.#lane instanceof PlainLane) this.#leaveLane();
  }

  #leaveLane(): void {
    this.#lane?.close();
    this.#lane = undefined;
  }

  /** Waits before the next try. The problem is undefined where the body has ended as if it were whole. */
  async #pause(host: string, problem: unknown): Promise<void> {
    const { digest, size } = this.#blob;
    this.#tries += 1;
    const { clock, tries = TRIES, onRetry } = this.#options.patience;
    const isPassing = !(problem instanceof RunnerError) || problem.code === "REGISTRY_UNREACHABLE";
    if (this.#tries >= tries || !isPassing) throw problem ?? endsEarly(host, this.#blob, this.#at);
    const waitMs = backoff(this.#tries, clock.random);
    const sentence = `${host} breaks off after ${this.#at} of the ${size} bytes of blob ${digest}`;
    onRetry?.({ problem: sentence, waitMs, next: this.#tries + 1 });
    await clock.wait(waitMs, this.#signal);
  }
}
