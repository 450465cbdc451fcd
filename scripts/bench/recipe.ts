// What an image of the bench is made of, and pseudo-random content that is the same on every machine.

export interface Recipe {
  readonly name: string;
  readonly about: string;
  /** The lowest first. Each writes one tar archive to the path. */
  readonly layers: readonly LayerWriter[];
}

export type LayerWriter = (path: string) => Promise<void>;

const WORDS = 2048;
const LONGEST_WORD = 12;

/** Numbers from 0 to 1 that look random: mulberry32, which is public domain. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Text-like bytes, which gzip makes about three times smaller, as it does with most images. */
export function proseMaker(seed: number): (length: number) => Buffer {
  const random = randomNumbers(seed);
  const words = Array.from({ length: WORDS }, () => {
    const letters = 2 + Math.floor(random() * (LONGEST_WORD - 2));
    const text = Array.from({ length: letters }, () => 97 + Math.floor(random() * 26));
    return Buffer.from([...text, 32]);
  });
  return (length) => {
    const prose = Buffer.allocUnsafe(length + LONGEST_WORD + 1);
    let at = 0;
    while (at < length) {
      // Squared: like those of a language, some words are frequent.
      const word = words[Math.floor(random() ** 2 * WORDS)];
      if (word === undefined) break;
      prose.set(word, at);
      at += word.length;
    }
    return prose.subarray(0, length);
  };
}
