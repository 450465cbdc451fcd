// Compressed bytes to plain ones, by what the bytes are and not by what their media type says: the two often differ.

import { type Transform, Readable, pipeline } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { RunnerError, reasonOf } from "../errors.ts";

export type Compression = "none" | "gzip" | "zstd";

/** Where compressed bytes come from, piece by piece; undefined after the last. */
export interface ByteSource {
  read(): Promise<Uint8Array | undefined>;
}

export interface Decompressed {
  readonly compression: Compression;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Measured: smaller pieces, in or out, cost a third of the throughput. */
const OUTPUT_BYTES = 1024 ** 2;
const INPUT_BYTES = 512 * 1024;
const MAGIC_BYTES = 10;

/**
 * Detects the compression and undoes it. gzip may have many members and zeros after the last; zstd many frames, and
 * skippable ones. A zstd frame that is cut short goes unnoticed here: the digest of the plain bytes decides.
 * Throws LAYER_UNSUPPORTED, and while the chunks are read LAYER_CORRUPT and what the source throws.
 */
export async function decompress(source: ByteSource): Promise<Decompressed> {
  const head = await readHead(source);
  const compression = detect(head);
  const compressed = coalesced(head, source);
  if (compression === "none") return { compression, chunks: compressed };
  const decoder =
    compression === "gzip"
      ? createGunzip({ chunkSize: OUTPUT_BYTES })
      : createZstdDecompress({ chunkSize: OUTPUT_BYTES });
  return { compression, chunks: decoded(compressed, decoder) };
}

function detect(head: Buffer): Compression {
  const magic = head.toString("hex");
  if (magic.startsWith("1f8b")) return "gzip";
  // zstd:chunked layers begin with a skippable frame, of which there are sixteen kinds.
  if (magic.startsWith("28b52ffd") || /^5[0-9a-f]2a4d18/.test(magic)) return "zstd";
  if (/^425a683[1-9]314159265359/.test(magic)) throw unsupported("bzip2");
  if (magic.startsWith("fd377a585a00")) throw unsupported("xz");
  return "none";
}

async function* decoded(compressed: AsyncIterable<Uint8Array>, decoder: Transform) {
  // Reading the decoder, instead of listening to it, lets it inflate the next piece while the last is written to disk.
  pipeline(Readable.from(compressed, { highWaterMark: 1 }), decoder, () => {});
  try {
    for await (const chunk of decoder) yield chunk as Uint8Array; // a byte stream's chunks are Buffers
  } catch (error) {
    if (!isDecoderError(error)) throw error;
    throw new RunnerError("LAYER_CORRUPT", `the compressed bytes are damaged: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

async function readHead(source: ByteSource): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES) {
    const chunk = await source.read();
    if (chunk === undefined) break;
    head = Buffer.concat([head, chunk]);
  }
  return head;
}

async function* coalesced(head: Buffer, source: ByteSource) {
  let waiting: Uint8Array[] = [head];
  let length = head.length;
  for (;;) {
    const chunk = await source.read();
    if (chunk !== undefined) {
      waiting.push(chunk);
      length += chunk.length;
    }
    if (length > 0 && (chunk === undefined || length >= INPUT_BYTES)) {
      yield Buffer.concat(waiting);
      waiting = [];
      length = 0;
    }
    if (chunk === undefined) return;
  }
}

function isDecoderError(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && /^(?:Z|ZSTD|ERR_ZSTD)_/.test(String(error.code))
  );
}

function unsupported(format: string): RunnerError {
  return new RunnerError("LAYER_UNSUPPORTED", `the layer is compressed with ${format}`);
}
