// The directories that an image's ld.so.conf names, its includes followed inside the image. A hostile one ends in
// nothing worse than a directory that does not exist.

import { readdirSync } from "node:fs";
import { posix } from "node:path";
import { findIn, textIn, type RootView } from "./root-view.ts";

const MAX_BYTES = 65_536;
const MAX_DEPTH = 4;

/** The directories in the order of the file; none where there is no such file. See ldconfig(8). */
export function linkerConfiguration(view: RootView, path: string, depth = 0): readonly string[] {
  if (depth === MAX_DEPTH) return [];
  const lines = textIn(view, path, MAX_BYTES).split("\n");
  return lines.flatMap((line) => {
    const [words = ""] = line.split("#", 1);
    const [, pattern] = /^\s*include\s+(\S+)/.exec(words) ?? [];
    if (pattern === undefined) return words.split(/[\s,:]+/).filter((word) => word.startsWith("/"));
    return matching(view, posix.resolve(posix.dirname(path), pattern)).flatMap((included) =>
      linkerConfiguration(view, included, depth + 1),
    );
  });
}

// Only `*` in the last name, which is all that distributions write.
function matching(view: RootView, pattern: string): readonly string[] {
  if (!pattern.includes("*")) return [pattern];
  const directory = findIn(view, posix.dirname(pattern));
  if (directory?.stats.isDirectory() !== true) return [];
  const [start = "", end = ""] = posix.basename(pattern).split("*");
  return namesIn(directory.hostPath)
    .filter((name) => name.startsWith(start) && name.endsWith(end))
    .map((name) => posix.join(directory.path, name));
}

function namesIn(hostPath: string): readonly string[] {
  try {
    return readdirSync(hostPath).toSorted();
  } catch {
    return [];
  }
}
