// The program's own code in memory: read from its file as it is needed, and as much as a long start has needed.

import { readFileSync } from "node:fs";
import { libc } from "./libc.ts";

const MADV_DONTNEED = 4;

/**
 * Gives the code back that has been read so far; what is needed again is read again, from the page cache. Most of it was
 * for work that does not come back. Only mappings that nobody can have written to: the others would lose what was.
 */
export function forgetProgramPages(): void {
  for (const { start, end } of codeMappings()) libc().madvise(start, end - start, MADV_DONTNEED);
}

interface Mapping {
  readonly start: number;
  readonly end: number;
}

// `start-end r-xp offset device inode path`
function codeMappings(): readonly Mapping[] {
  return mapsText()
    .split("\n")
    .flatMap((line) => {
      const [, start = "", end = ""] =
        /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ [1-9]/.exec(line) ?? [];
      return start === ""
        ? []
        : [{ start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) }];
    });
}

function mapsText(): string {
  try {
    return readFileSync("/proc/self/maps", "utf8");
  } catch {
    // Without /proc it stays as it is.
    return "";
  }
}
