// Requests for one blob, from some byte on or for a range of it, and what their answers amount to. Keeps no bytes and
// does not try again: that is for the download.

import type { RunnerError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { bodyOf, type BlobBody } from "./blob-body.ts";
import { tooShort } from "./blob-problem.ts";
import type { Range } from "./range-plan.ts";
import { discard, type Answer } from "./request.ts";

export interface BlobQuestion {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** How often it is asked at most. */
  readonly tries?: number;
}

export interface BlobSource {
  /** One GET of the blob, its redirects followed and proven as its host wants: any answer that has a status. */
  ask(question: BlobQuestion): Promise<Answer>;
  /** The error for an answer that is a refusal. */
  refusal(answer: Answer): Promise<RunnerError>;
}

/** The host answers a range with something else than the range. */
export class RangeRefused extends Error {}

/** The signature of an address on another host has run out; the registry signs a new one for whoever asks it again. */
export class SignatureExpired extends Error {
  readonly refusal: RunnerError;

  constructor(refusal: RunnerError) {
    super();
    this.refusal = refusal;
  }
}

// Object stores do not agree on how they say it: S3 and CloudFront 403, others 400 or 401.
const EXPIRED = new Set([400, 401, 403]);

// The whole, or that there is no such range, or that so many requests are too many.
const REFUSES_RANGES = new Set([200, 416, 429]);

export class BlobRequests {
  readonly #blob: Descriptor;
  readonly #source: BlobSource;
  #last: BlobBody | undefined;

  constructor(blob: Descriptor, source: BlobSource) {
    this.#blob = blob;
    this.#source = source;
  }

  /** A part of the blob can be asked for, as far as is known. */
  get isRangeable(): boolean {
    return this.#last?.isRangeable ?? true;
  }

  /**
   * Asks for the blob from byte `at` on; the body may begin before it. There is no Range in the request for all of it:
   * some hosts answer that wrongly.
   * Throws SignatureExpired, REGISTRY_RESPONSE_INVALID, DIGEST_MISMATCH, and what the source throws.
   */
  async from(at: number, signal: AbortSignal): Promise<BlobBody> {
    const start = this.isRangeable ? at : 0;
    const answer = await this.#source.ask({ headers: this.#rangeHeaders(start), signal });
    const { status, isForeign } = answer;
    if (status === 200 || status === 206) return (this.#last = await this.#bodyOf(answer, start));
    if (status === 416) await discard(answer);
    if (status === 416) throw tooShort(answer.host, this.#blob, start);
    const refusal = await this.#source.refusal(answer);
    throw isForeign && EXPIRED.has(status) ? new SignatureExpired(refusal) : refusal;
  }

  /** Asks for a range that is not the whole blob. Throws RangeRefused, and what the source throws. */
  async range({ start, end }: Range, signal: AbortSignal): Promise<BlobBody> {
    const headers = { range: `bytes=${start}-${end - 1}` };
    const answer = await this.#source.ask({ headers, signal, tries: 1 });
    if (answer.status === 206) return this.#bodyOf(answer, start);
    if (!REFUSES_RANGES.has(answer.status)) throw await this.#source.refusal(answer);
    await discard(answer);
    throw new RangeRefused();
  }

  #rangeHeaders(start: number): Record<string, string> {
    if (start === 0) return {};
    const etag = this.#last?.etag;
    return { range: `bytes=${start}-`, ...(etag === undefined ? {} : { "if-range": etag }) };
  }

  async #bodyOf(answer: Answer, start: number): Promise<BlobBody> {
    try {
      return bodyOf(answer, this.#blob, start);
    } catch (error) {
      await discard(answer);
      throw error;
    }
  }
}
