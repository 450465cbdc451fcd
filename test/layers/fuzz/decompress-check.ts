// What must hold of decompression for any bytes at all: the same result in any pieces, and never other bytes than
// node:zlib makes of the whole.

import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { RunnerError } from "../../../src/errors.ts";
import { Decompressor } from "../../../src/archive/decompress.ts";
import { Random } from "./random.ts";

/** More than an input of the largest size may honestly unpack to, and little enough to try often. */
export const MAX_PLAIN_BYTES = 64 * 1024 ** 2;

interface Result {
  readonly plain: Buffer;
  readonly refusal: string | undefined;
}

/** Throws an Error that says which promise was broken. */
export function checkDecompression(blob: Buffer): void {
  const random = new Random(Number(Bun.hash.crc32(blob)), blob.length);
  const longest = random.pick([1, 16, 300, 5000]);
  const whole = decompress(blob, () => blob.length);
  const pieced = decompress(blob, () => 1 + random.below(longest));
  const reference = decompressAtOnce(blob);
  if (whole.refusal !== pieced.refusal) {
    // libzstd compares a frame's promised size with its content on one way through it and not on the other; the digest
    // of the plain bytes decides then.
    if (isZstd(blob) && reference === undefined) return;
    throw new Error(`decompressing ends differently: ${whole.refusal} or ${pieced.refusal}`);
  }
  if (whole.refusal !== undefined) return;
  if (!whole.plain.equals(pieced.plain)) {
    throw new Error(`in pieces of up to ${longest} bytes the blob decompresses differently`);
  }
  if (reference !== undefined && !reference.equals(whole.plain)) {
    throw new Error("the blob decompresses to other bytes than node:zlib makes of it");
  }
}

/** What node:zlib makes of a blob; undefined where it refuses. */
export function decompressAtOnce(blob: Buffer): Buffer | undefined {
  const options = { maxOutputLength: MAX_PLAIN_BYTES };
  try {
    if (blob.toString("latin1", 0, 2) === "\x1f\x8b") return gunzipSync(blob, options);
    return isZstd(blob) ? zstdDecompressSync(blob, options) : blob;
  } catch {
    return undefined;
  }
}

function isZstd(blob: Buffer): boolean {
  return /^(?:28b52ffd|5[0-9a-f]2a4d18)/.test(blob.toString("hex", 0, 4));
}

function decompress(blob: Buffer, nextLength: () => number): Result {
  const parts: Buffer[] = [];
  let length = 0;
  const decompressor = new Decompressor((bytes) => {
    length += bytes.length;
    if (length > MAX_PLAIN_BYTES) throw new RunnerError("LIMIT_EXCEEDED", "too many bytes");
    parts.push(Buffer.from(bytes));
  });
  try {
    for (let at = 0; at < blob.length;) {
      const end = Math.min(at + nextLength(), blob.length);
      const piece = Buffer.from(blob.subarray(at, end));
      decompressor.push(piece);
      piece.fill(0xaa);
      at = end;
    }
    decompressor.end();
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    return { plain: Buffer.concat(parts), refusal: error.code };
  }
  return { plain: Buffer.concat(parts), refusal: undefined };
}
