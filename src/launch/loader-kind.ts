// Which C library's loader a file is, by the options that it knows: names mislead, since images for musl have links and
// stubs where programs for glibc look for theirs.

import { readFileSync, statSync } from "node:fs";

export type LoaderKind = "glibc" | "musl";

const MAX_BYTES = 16_777_216;

/** Nothing for a file that takes no library path, such as gcompat's. */
export function loaderKind(hostPath: string): LoaderKind | undefined {
  if (statSync(hostPath).size > MAX_BYTES) return undefined;
  const bytes = readFileSync(hostPath);
  if (bytes.includes("--inhibit-cache")) return "glibc";
  return bytes.includes("library-path") ? "musl" : undefined;
}
