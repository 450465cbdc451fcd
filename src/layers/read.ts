// One layer from its compressed bytes to entries and bodies, without a look at any other layer, so that layers can be
// read in any order and at the same time.

import { type Compression, Decompressor } from "../archive/decompress.ts";
import type { Member } from "../archive/member.ts";
import { type MemberSink, TarReader } from "../archive/tar.ts";
import type { Digest } from "../oci/digest.ts";
import { type ContentRule, contentRule } from "./content-rule.ts";
import { type Entry, parseEntry } from "./entry.ts";
import type { Budget } from "./limits.ts";
import { RunningDigest } from "./verify.ts";
import { Bodies, type LayerShape } from "./bodies.ts";

export interface LayerReaderOptions {
  /** What the image config promises for the unpacked bytes. */
  readonly diffId: Digest;
  /** Where the contents of the layer's files go: a directory that must not exist. Its path is latin1. */
  readonly bodies: string;
  readonly budget: Budget;
  /** Whose content is written; everybody's by default. */
  readonly contentOf?: readonly string[] | undefined;
  /** Receives the entries in their order, some at a time. */
  onEntries(entries: readonly Entry[]): void;
}

export interface LayerSummary {
  readonly compression: Compression;
  /** Bytes of the archive, its headers and padding included. */
  readonly unpackedBytes: number;
  /** The directories of the bodies. */
  readonly shape: LayerShape;
}

/** Few enough to be soon on their way, many enough to be worth a message. */
const ENTRIES_AT_ONCE = 512;

/** Takes a layer piece by piece. The diff_id covers every unpacked byte; the blob's own digest is its source's part. */
export class LayerReader implements Disposable {
  readonly #budget: Budget;
  readonly #digest: RunningDigest;
  readonly #collector: EntryCollector;
  readonly #tar: TarReader;
  readonly #decompressor = new Decompressor((bytes) => this.#take(bytes));
  #compressedBytes = 0;
  #unpackedBytes = 0;

  constructor(options: LayerReaderOptions) {
    this.#budget = options.budget;
    this.#digest = new RunningDigest(options.diffId);
    this.#collector = new EntryCollector(options);
    this.#tar = new TarReader(this.#collector, options.budget.limits);
  }

  /**
   * Takes the next bytes. Throws LAYER_CORRUPT, LAYER_UNSUPPORTED, LAYER_UNSAFE, LIMIT_EXCEEDED, and what the
   * filesystem throws.
   */
  push(bytes: Uint8Array): void {
    this.#compressedBytes += bytes.length;
    this.#decompressor.push(bytes);
  }

  /** Says that no bytes follow. Throws as `push` does, and DIGEST_MISMATCH. */
  end(): LayerSummary {
    this.#decompressor.end();
    this.#digest.verify("the unpacked archive");
    this.#tar.end();
    this.#collector.flush();
    return {
      compression: this.#decompressor.compression,
      unpackedBytes: this.#unpackedBytes,
      shape: this.#collector.shape,
    };
  }

  [Symbol.dispose](): void {
    this.#collector[Symbol.dispose]();
  }

  #take(bytes: Uint8Array): void {
    this.#unpackedBytes += bytes.length;
    this.#budget.spendBytes(bytes.length);
    this.#budget.judgeRatio(this.#compressedBytes, this.#unpackedBytes);
    this.#digest.update(bytes);
    this.#tar.push(bytes);
  }
}

/** Turns members into entries, and their contents into bodies. */
class EntryCollector implements MemberSink, Disposable {
  readonly #options: LayerReaderOptions;
  readonly #bodies: Bodies;
  readonly #wants: ContentRule;
  #entries: Entry[] = [];
  /** The file whose content is coming. */
  #file: Extract<Entry, { type: "file" }> | undefined;

  constructor(options: LayerReaderOptions) {
    this.#options = options;
    this.#bodies = new Bodies(options.bodies, options.budget);
    this.#wants = contentRule(options.contentOf);
  }

  get shape(): LayerShape {
    return this.#bodies.shape;
  }

  member(member: Member): void {
    const { budget } = this.#options;
    budget.countEntry(member.unsafeName.length + member.unsafeTarget.length);
    budget.expectBytes(member.size);
    const parsed = parseEntry(member, budget.limits);
    if (parsed.type === "file" && !this.#wants(parsed.path)) {
      this.#entries.push({ ...parsed, body: undefined });
    } else if (parsed.type === "file") {
      this.#file = { ...parsed, body: this.#bodies.begin(parsed.path) };
      this.#entries.push(this.#file);
    } else {
      this.#entries.push(parsed);
    }
    if (this.#entries.length >= ENTRIES_AT_ONCE) this.flush();
  }

  content(bytes: Buffer): void {
    if (this.#file !== undefined) this.#bodies.write(bytes);
  }

  memberEnd(): void {
    if (this.#file !== undefined) this.#bodies.end(this.#file.attributes);
    this.#file = undefined;
  }

  flush(): void {
    this.#options.onEntries(this.#entries);
    this.#entries = [];
  }

  [Symbol.dispose](): void {
    this.#bodies[Symbol.dispose]();
  }
}
