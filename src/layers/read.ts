// One layer from its blob to entries and bodies, without a look at any other layer, so that layers can be read in any
// order and at the same time. Nothing it returns is unverified: both digests cover every byte.

import { RunnerError } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { type Compression, decompress } from "./decompress.ts";
import { type Entry, parseEntry } from "./entry.ts";
import type { Budget } from "./limits.ts";
import type { Member } from "./member.ts";
import { type MemberSink, TarReader } from "./tar.ts";
import { RunningDigest, VerifiedBlob } from "./verify.ts";
import { Bodies } from "./write.ts";

export interface LayerSource {
  readonly descriptor: Descriptor;
  /** The digest that the image config promises for the unpacked bytes. */
  readonly diffId: Digest;
  open(): Promise<ReadableStream<Uint8Array>>;
}

export interface LayerContents {
  readonly entries: readonly Entry[];
  readonly compression: Compression;
  readonly compressedBytes: number;
  /** Bytes of the archive, its headers and padding included. */
  readonly unpackedBytes: number;
}

/**
 * Reads a layer; the contents of its files land in `bodies`, a directory that must not exist.
 * Throws LAYER_CORRUPT, LAYER_UNSUPPORTED, LAYER_UNSAFE, LIMIT_EXCEEDED, DIGEST_MISMATCH, and what the source and the
 * filesystem throw.
 */
export async function readLayer(
  source: LayerSource,
  bodies: string,
  budget: Budget,
): Promise<LayerContents> {
  using collector = new EntryCollector(bodies, budget);
  const blob = new VerifiedBlob(await source.open(), source.descriptor);
  try {
    return await readBlob(blob, source, collector, budget);
  } catch (error) {
    // Bytes that are not the image's own are no evidence against it: the digest is asked before the image is blamed.
    if (error instanceof RunnerError && error.code.startsWith("LAYER_")) await blob.drain();
    throw error;
  } finally {
    await blob.cancel();
  }
}

async function readBlob(
  blob: VerifiedBlob,
  { diffId }: LayerSource,
  collector: EntryCollector,
  budget: Budget,
): Promise<LayerContents> {
  const tar = new TarReader(collector, budget.limits);
  const digest = new RunningDigest(diffId);
  const { compression, chunks } = await decompress(blob);
  let unpackedBytes = 0;
  for await (const chunk of chunks) {
    unpackedBytes += chunk.length;
    budget.spendBytes(chunk.length);
    budget.judgeRatio(blob.bytes, unpackedBytes);
    digest.update(chunk);
    tar.push(chunk);
  }
  await blob.drain();
  digest.verify("the unpacked archive");
  tar.end();
  return { entries: collector.entries, compression, compressedBytes: blob.bytes, unpackedBytes };
}

/** Turns members into entries, and their contents into bodies. */
class EntryCollector implements MemberSink, Disposable {
  readonly entries: Entry[] = [];
  readonly #bodies: Bodies;
  readonly #budget: Budget;
  #files = 0;
  /** The file whose content is coming, if it is to be written. */
  #file: Extract<Entry, { type: "file" }> | undefined;

  constructor(bodies: string, budget: Budget) {
    this.#bodies = new Bodies(bodies);
    this.#budget = budget;
  }

  member(member: Member): void {
    this.#budget.countEntry();
    this.#budget.expectBytes(member.size);
    const entry = parseEntry(member, this.#files, this.#budget.limits);
    this.entries.push(entry);
    if (entry.type !== "file") return;
    this.#files += 1;
    this.#file = entry;
    this.#bodies.begin(entry.body);
  }

  content(bytes: Buffer): void {
    if (this.#file !== undefined) this.#bodies.write(bytes);
  }

  memberEnd(): void {
    if (this.#file !== undefined) this.#bodies.end(this.#file.attributes);
    this.#file = undefined;
  }

  [Symbol.dispose](): void {
    this.#bodies[Symbol.dispose]();
  }
}
