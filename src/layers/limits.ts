// What an image may cost: every limit on what its layers unpack to, and the count kept against them.

import { RunnerError } from "../errors.ts";

export interface Limits {
  /** Bytes of all layers together after decompression, tar padding included. */
  readonly unpackedBytes: number;
  /** Unpacked bytes for one compressed byte of a layer, judged after the first 64 MiB of that layer. */
  readonly ratio: number;
  /** Members of all archives together, and likewise the directories that they only imply; a long name is several. */
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
  /** Bytes that the disk has room for: no setting of anybody's. */
  readonly diskBytes: number;
}

/** The limits that somebody can set. */
export type SettableLimits = Omit<Limits, "diskBytes">;

export const DEFAULT_LIMITS: Limits = {
  unpackedBytes: 16 * 1024 ** 3,
  ratio: 100,
  entries: 500_000,
  pathBytes: 4096,
  nameBytes: 255,
  depth: 256,
  recordBytes: 1024 ** 2,
  layers: 512,
  diskBytes: Number.MAX_SAFE_INTEGER,
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
} as const satisfies Record<keyof SettableLimits, string>;

/** Small layers of repeated bytes are honest; only a large one can hurt. */
const RATIO_APPLIES_AFTER_BYTES = 64 * 1024 ** 2;

/** LIMIT_EXCEEDED as a sentence: `what` is over the limit that `limit` names. */
export function limitError(limits: Limits, limit: keyof SettableLimits, what: string): RunnerError {
  return new RunnerError(
    "LIMIT_EXCEEDED",
    `${what}, which is over the limit of ${limits[limit]} (${SETTING[limit]})`,
  );
}

const UNPACKED_BYTES = 0;
const ENTRIES = 1;
const STOPPED = 2;
const WORKING = 3;
const DIRECTORIES = 4;
const COUNTERS = 5;

/** A longer name takes the memory of several files, and counts as several. */
const NAME_BYTES_OF_ONE_ENTRY = 128;

/** The longest that a thread may take from one look at STOPPED to the next, and more. */
const STOP_WAIT_MS = 500;

/**
 * What all layers of one image have used so far, counted together by every thread that reads one. Its methods throw
 * LIMIT_EXCEEDED, and Stopped once somebody has called `stop`.
 */
export class Budget {
  readonly limits: Limits;
  /** Hand this to another thread's budget, and the two count as one. */
  readonly shared: SharedArrayBuffer;
  readonly #counters: BigInt64Array;

  constructor(
    limits: Limits,
    shared = new SharedArrayBuffer(COUNTERS * BigInt64Array.BYTES_PER_ELEMENT),
  ) {
    this.limits = limits;
    this.shared = shared;
    this.#counters = new BigInt64Array(shared);
  }

  /** Has every thread that shares this budget give up at its next step, and waits until none is at work. */
  stop(): void {
    Atomics.store(this.#counters, STOPPED, 1n);
    const deadline = performance.now() + STOP_WAIT_MS;
    for (let left = STOP_WAIT_MS; left > 0; left = deadline - performance.now()) {
      const working = Atomics.load(this.#counters, WORKING);
      if (working === 0n) return;
      Atomics.wait(this.#counters, WORKING, working, left);
    }
  }

  /** Does work that `stop` waits for. Throws Stopped without having begun, and what the work throws. */
  during(work: () => void): void {
    Atomics.add(this.#counters, WORKING, 1n);
    try {
      this.#requireGoing();
      work();
    } finally {
      Atomics.sub(this.#counters, WORKING, 1n);
      Atomics.notify(this.#counters, WORKING);
    }
  }

  spendBytes(bytes: number): void {
    this.#requireGoing();
    this.#requireRoom(Number(Atomics.add(this.#counters, UNPACKED_BYTES, BigInt(bytes))) + bytes);
  }

  /** Refuses a member by the size that it announces, before a byte of it is written. */
  expectBytes(bytes: number): void {
    this.#requireRoom(Number(Atomics.load(this.#counters, UNPACKED_BYTES)) + bytes);
  }

  /** Counts a member; `nameBytes` are those of its name and its target. */
  countEntry(nameBytes: number): void {
    this.#requireGoing();
    this.#count(ENTRIES, nameBytes, "the image holds too many files");
  }

  /** Counts a directory that a file's name implies. */
  countDirectory(nameBytes: number): void {
    this.#requireGoing();
    this.#count(DIRECTORIES, nameBytes, "the image implies too many directories");
  }

  judgeRatio(compressedBytes: number, unpackedBytes: number, what = "the layer"): void {
    if (unpackedBytes <= RATIO_APPLIES_AFTER_BYTES) return;
    if (unpackedBytes > compressedBytes * this.limits.ratio) {
      throw limitError(
        this.limits,
        "ratio",
        `${what} unpacks ${compressedBytes} bytes to more than ${unpackedBytes}`,
      );
    }
  }

  #count(counter: number, nameBytes: number, what: string): void {
    const weight = 1 + Math.floor(nameBytes / NAME_BYTES_OF_ONE_ENTRY);
    const before = Number(Atomics.add(this.#counters, counter, BigInt(weight)));
    if (before + weight > this.limits.entries) throw limitError(this.limits, "entries", what);
  }

  #requireRoom(bytes: number): void {
    if (bytes > this.limits.unpackedBytes) {
      throw limitError(this.limits, "unpackedBytes", "the image unpacks to too many bytes");
    }
    if (bytes > this.limits.diskBytes) {
      const room = Math.max(0, Math.floor(this.limits.diskBytes / 1024 ** 2));
      throw new RunnerError(
        "DISK_FULL",
        `the image unpacks to more than the ${room} MiB that are free`,
      );
    }
  }

  #requireGoing(): void {
    if (Atomics.load(this.#counters, STOPPED) !== 0n) throw new Stopped();
  }
}

/** Thrown where work is given up because it failed elsewhere, or because the runner ends: nobody is told. */
export class Stopped extends Error {
  override readonly name = "Stopped";
}
