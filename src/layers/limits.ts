// What an image may cost: every limit on what its layers unpack to, and the count kept against them.

import { RunnerError } from "../errors.ts";

export interface Limits {
  /** Bytes of all layers together after decompression, tar padding included. */
  readonly unpackedBytes: number;
  /** Unpacked bytes for one compressed byte of a layer, judged after the first 64 MiB of that layer. */
  readonly ratio: number;
  /** Members of all archives together, and likewise the directories that they only imply. */
  readonly entries: number;
  /** Bytes of one member's name or link target. */
  readonly pathBytes: number;
  /** Bytes of one component of a name. */
  readonly nameBytes: number;
  /** Directories below each other. */
  readonly depth: number;
  /** Bytes of one PAX header or GNU long name. */
  readonly recordBytes: number;
  readonly layers: number;
}

export const DEFAULT_LIMITS: Limits = {
  unpackedBytes: 16 * 1024 ** 3,
  ratio: 200,
  entries: 2_000_000,
  pathBytes: 4096,
  nameBytes: 255,
  depth: 256,
  recordBytes: 1024 ** 2,
  layers: 512,
};

const SETTING = {
  unpackedBytes: "MAX_UNPACKED_BYTES",
  ratio: "MAX_RATIO",
  entries: "MAX_ENTRIES",
  pathBytes: "MAX_PATH_BYTES",
  nameBytes: "MAX_NAME_BYTES",
  depth: "MAX_DEPTH",
  recordBytes: "MAX_RECORD_BYTES",
  layers: "MAX_LAYERS",
} as const satisfies Record<keyof Limits, string>;

/** Small layers of repeated bytes are honest; only a large one can hurt. */
const RATIO_APPLIES_AFTER_BYTES = 64 * 1024 ** 2;

/** LIMIT_EXCEEDED as a sentence: `what` is over the limit that `limit` names. */
export function limitError(limits: Limits, limit: keyof Limits, what: string): RunnerError {
  return new RunnerError(
    "LIMIT_EXCEEDED",
    `${what}, which is over the limit of ${limits[limit]} (${SETTING[limit]})`,
  );
}

/** What all layers of one image have used so far. Its methods throw LIMIT_EXCEEDED. */
export class Budget {
  readonly limits: Limits;
  #unpackedBytes = 0;
  #entries = 0;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  spendBytes(bytes: number): void {
    this.#unpackedBytes += bytes;
    if (this.#unpackedBytes > this.limits.unpackedBytes) {
      throw limitError(this.limits, "unpackedBytes", "the image unpacks to too many bytes");
    }
  }

  /** Refuses a member by the size that it announces, before a byte of it is written. */
  expectBytes(bytes: number): void {
    if (bytes > this.limits.unpackedBytes) {
      throw limitError(this.limits, "unpackedBytes", "the image unpacks to too many bytes");
    }
  }

  countEntry(): void {
    this.#entries += 1;
    if (this.#entries > this.limits.entries) {
      throw limitError(this.limits, "entries", "the image holds too many files");
    }
  }

  judgeRatio(compressedBytes: number, unpackedBytes: number): void {
    if (unpackedBytes <= RATIO_APPLIES_AFTER_BYTES) return;
    if (unpackedBytes > compressedBytes * this.limits.ratio) {
      throw limitError(
        this.limits,
        "ratio",
        `the layer unpacks ${compressedBytes} bytes to more than ${unpackedBytes}`,
      );
    }
  }
}
