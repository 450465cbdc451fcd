// A blob that is read and checked in one go: no byte beyond the size that its descriptor promises, and at the end the
// digest over every byte. Knows nothing of what the bytes mean.

import type { ReadableStreamDefaultReader } from "node:stream/web";
import { RunnerError } from "../errors.ts";
import { type Digest, type DigestAlgorithm, algorithmOf } from "../oci/digest.ts";

export interface Expected {
  readonly digest: Digest;
  readonly size: number;
}

export class VerifiedBlob {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #expected: Expected;
  readonly #digest: RunningDigest;
  #bytes = 0;
  #isDone = false;
  #isCancelled = false;

  constructor(stream: ReadableStream<Uint8Array>, expected: Expected) {
    this.#reader = stream.getReader();
    this.#expected = expected;
    this.#digest = new RunningDigest(expected.digest);
  }

  /** Bytes read so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The next bytes; undefined after the last, once they are known to be right. Throws DIGEST_MISMATCH. */
  async read(): Promise<Uint8Array | undefined> {
    if (this.#isDone) return undefined;
    const { done, value } = await this.#reader.read();
    if (this.#isCancelled) return undefined;
    if (done) return this.#finish();
    this.#bytes += value.length;
    if (this.#bytes > this.#expected.size) {
      throw mismatch(
        `the blob is longer than the ${this.#expected.size} bytes that it should have`,
      );
    }
    this.#digest.update(value);
    return value;
  }

  /** Reads to the end for the digest's sake. Throws DIGEST_MISMATCH. */
  async drain(): Promise<void> {
    while ((await this.read()) !== undefined);
  }

  /** Lets go of the source, wherever it is. */
  async cancel(): Promise<void> {
    // A read that is still under way ends with the cancellation, and that is not the end of the blob.
    this.#isCancelled = true;
    // A source that failed rejects with a reason that its reader has already seen.
    await this.#reader.cancel().catch(() => {});
  }

  #finish(): undefined {
    if (this.#bytes < this.#expected.size) {
      throw mismatch(`the blob ends after ${this.#bytes} of ${this.#expected.size} bytes`);
    }
    this.#digest.verify("the blob");
    this.#isDone = true;
  }
}

export class RunningDigest {
  readonly #expected: Digest;
  readonly #algorithm: DigestAlgorithm;
  readonly #hasher: Bun.CryptoHasher;

  constructor(expected: Digest) {
    this.#expected = expected;
    this.#algorithm = algorithmOf(expected);
    this.#hasher = new Bun.CryptoHasher(this.#algorithm);
  }

  update(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  /** Ends the count. Throws DIGEST_MISMATCH; `what` names the bytes in the message. */
  verify(what: string): void {
    const actual = `${this.#algorithm}:${this.#hasher.digest("hex")}`;
    if (actual !== this.#expected)
      throw mismatch(`${what} should be ${this.#expected} but is ${actual}`);
  }
}

function mismatch(message: string): RunnerError {
  return new RunnerError("DIGEST_MISMATCH", message, { stage: "extract" });
}
