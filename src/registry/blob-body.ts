// The body of one answer to a request for a blob: which of the blob's bytes it holds, or why it cannot be the blob.
// Judges what the headers say; the bytes themselves are somebody else's to verify.

import type { Descriptor } from "../oci/descriptor.ts";
import { unknownEncoding, wrongRange, wrongSize } from "./blob-problem.ts";
import { parseContentRange } from "./content-range.ts";
import type { Answer } from "./request.ts";

export interface BlobBody {
  readonly stream: ReadableStream<Uint8Array>;
  /** Who sends it. */
  readonly host: string;
  /** Where in the blob the stream begins. */
  readonly start: number;
  /** A part of it can be asked for: the bytes are sent as they are stored, and the host has not said otherwise. */
  readonly isRangeable: boolean;
  /** Fit for If-Range. */
  readonly etag: string | undefined;
}

/**
 * Reads the headers of an answer with status 200 or 206 to a request from byte `start` on.
 * Throws REGISTRY_RESPONSE_INVALID, and DIGEST_MISMATCH where the answer is of another size than the blob.
 */
export function bodyOf(answer: Answer, blob: Descriptor, start: number): BlobBody {
  const { body: stream, status, headers, host } = answer;
  const isPartial = status === 206;
  const range = isPartial ? parseContentRange(headers.get("content-range")) : undefined;
  if (isPartial && range?.start !== start)
    throw wrongRange(host, headers.get("content-range"), start);
  const size = isPartial ? range?.total : parseLength(headers.get("content-length"));
  const encoding = encodingOf(headers);
  // Storage may keep a layer that is gzip by itself under `Content-Encoding: gzip`: where the size is the blob's, so
  // are the bytes. Only what somebody on the way has compressed is of another size, or of one not known beforehand.
  const isEncoded = encoding !== undefined && size !== blob.size;
  if (isEncoded && !isPartial) {
    const decoded = decode(answer, encoding, blob);
    return { stream: decoded, host, start: 0, isRangeable: false, etag: undefined };
  }
  if (size !== undefined && size !== blob.size) throw wrongSize(host, blob, size);
  const isRangeable = headers.get("accept-ranges")?.trim().toLowerCase() !== "none";
  const etag = strongEtag(headers.get("etag"));
  return { stream, host, start: range?.start ?? 0, isRangeable, etag };
}

function parseLength(unsafeText: string | null): number | undefined {
  return unsafeText !== null && /^\d{1,15}$/.test(unsafeText) ? Number(unsafeText) : undefined;
}

function encodingOf(headers: Headers): string | undefined {
  const unsafeEncoding = (headers.get("content-encoding") ?? "").trim().toLowerCase();
  return unsafeEncoding === "" || unsafeEncoding === "identity" ? undefined : unsafeEncoding;
}

const ENCODINGS: Readonly<Record<string, "gzip" | "zstd">> = {
  gzip: "gzip",
  "x-gzip": "gzip",
  zstd: "zstd",
};

function decode(
  { body, host }: Answer,
  unsafeEncoding: string,
  blob: Descriptor,
): ReadableStream<Uint8Array> {
  const format = Object.hasOwn(ENCODINGS, unsafeEncoding) ? ENCODINGS[unsafeEncoding] : undefined;
  if (format === undefined) throw unknownEncoding(host, unsafeEncoding, blob);
  // Bun's types take the bytes that go in for another kind than those that come out of a body.
  return body.pipeThrough(
    new DecompressionStream(format) as unknown as ReadableWritablePair<Uint8Array, Uint8Array>,
  );
}

// A weak tag promises the same meaning, not the same bytes.
function strongEtag(unsafeEtag: string | null): string | undefined {
  return unsafeEtag !== null && /^"[\x21\x23-\x7e]{0,200}"$/.test(unsafeEtag)
    ? unsafeEtag
    : undefined;
}
