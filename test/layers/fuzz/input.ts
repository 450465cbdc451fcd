// The inputs of a fuzzing run: each is decided by the seed and its number alone, so that a finding can be made again.

import { gzipSync, zstdCompressSync } from "node:zlib";
import { randomArchive } from "./archives.ts";
import { damage, mutate } from "./mutate.ts";
import { Random } from "./random.ts";
import { MAX_INPUT_BYTES } from "./reader-check.ts";

/** Inputs that begin from one archive, since making an archive costs more than damaging it. */
const INPUTS_PER_ARCHIVE = 16;
const ARCHIVE_STREAMS = 2 ** 40;

export class Inputs {
  readonly #seed: number;
  readonly #corpus: readonly Buffer[];
  #group = -1;
  #archive: Buffer = Buffer.alloc(0);
  #other: Buffer = Buffer.alloc(0);

  constructor(seed: number, corpus: readonly Buffer[] = []) {
    this.#seed = seed;
    this.#corpus = corpus;
  }

  /** The input with that number: the bytes of a layer's blob. */
  input(number: number): Buffer {
    this.#chooseArchives(Math.floor(number / INPUTS_PER_ARCHIVE));
    const random = new Random(this.#seed, number);
    const plain = mutate(this.#archive, random, this.#other).subarray(0, MAX_INPUT_BYTES);
    if (!random.oneIn(8)) return plain;
    const blob = compressed(plain, random).subarray(0, MAX_INPUT_BYTES);
    return random.oneIn(2) ? blob : damage(blob, random);
  }

  #chooseArchives(group: number): void {
    if (group === this.#group) return;
    this.#group = group;
    this.#archive = this.#archiveOf(new Random(this.#seed, ARCHIVE_STREAMS + 2 * group));
    this.#other = this.#archiveOf(new Random(this.#seed, ARCHIVE_STREAMS + 2 * group + 1));
  }

  #archiveOf(random: Random): Buffer {
    const isFromCorpus = this.#corpus.length > 0 && random.oneIn(2);
    return isFromCorpus ? random.pick(this.#corpus) : randomArchive(random);
  }
}

/** Whether an input is, or was, compressed: nothing else begins like this, unless by chance. */
export function isCompressed(input: Buffer): boolean {
  return /^(?:1f8b|28b52ffd|5[0-9a-f]2a4d18)/.test(input.toString("hex", 0, 4));
}

function compressed(plain: Buffer, random: Random): Buffer {
  const at = random.below(plain.length + 1);
  const parts = random.oneIn(2) ? [plain] : [plain.subarray(0, at), plain.subarray(at)];
  const compress = random.oneIn(2)
    ? (part: Buffer) => gzipSync(part, { level: 1 })
    : zstdCompressSync;
  const blob = Buffer.concat(parts.map((part) => compress(part)));
  return random.oneIn(8) ? Buffer.concat([blob, Buffer.alloc(random.below(40))]) : blob;
}
