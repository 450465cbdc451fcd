// A blob on its way into the cache: written beside, counted and hashed, and put in place only when it is whole and right.

import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import { onExit } from "../system/cleanup.ts";

/** A digest, and the number of bytes that have it. */
export interface BlobName {
  readonly digest: Digest;
  readonly size: number;
}

export class PendingBlob implements Disposable {
  readonly #expected: BlobName;
  readonly #temporary: string;
  readonly #target: string;
  readonly #hasher: Bun.CryptoHasher;
  readonly #descriptor: number;
  readonly #ending: Disposable;
  #bytes = 0;
  #isGivenUp = false;

  /** Throws what the filesystem throws. */
  constructor(expected: BlobName, temporary: string, target: string) {
    this.#expected = expected;
    this.#temporary = temporary;
    this.#target = target;
    this.#hasher = new Bun.CryptoHasher(algorithmOf(expected.digest));
    this.#descriptor = openSync(temporary, "wx", 0o600);
    this.#ending = onExit(() => {
      closeSync(this.#descriptor);
      rmSync(temporary, { force: true });
    });
  }

  /** Takes the next bytes. Where the disk takes no more the blob is given up: it is only not kept. */
  write(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#isGivenUp || this.#bytes > this.#expected.size) return;
    this.#hasher.update(bytes);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#descriptor, bytes, at);
    } catch {
      this.#isGivenUp = true;
    }
  }

  /** Puts the blob in place, if every byte came and was right; whoever reads it from its source judges it as well. */
  publish(): void {
    const { digest, size } = this.#expected;
    if (this.#isGivenUp || this.#bytes !== size) return;
    if (`${algorithmOf(digest)}:${this.#hasher.digest("hex")}` !== digest) return;
    try {
      mkdirSync(dirname(this.#target), { recursive: true, mode: 0o700 });
      renameSync(this.#temporary, this.#target);
    } catch {
      // Not kept, and fetched again one day.
    }
  }

  [Symbol.dispose](): void {
    this.#ending[Symbol.dispose]();
  }
}
