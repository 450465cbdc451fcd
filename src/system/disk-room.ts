// How much may be written to a disk. Knows no file.

import { statfsSync } from "node:fs";

// A disk that is full to the last byte fails others than us: a twentieth of what is free, or this much, stays free.
const RESERVE_BYTES = 64 * 1024 ** 2;

/** Bytes that may be written below a directory. */
export function roomIn(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  return free - Math.min(free / 20, RESERVE_BYTES);
}
