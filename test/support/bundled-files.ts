// A server of npm's or of our own with all that it imports, and without what only its developers need, as the files that
// an image has below /app.

import { readdirSync, readFileSync } from "node:fs";
import type { TarEntry } from "./tar-archive.ts";
import { tempDir } from "./temp-dir.ts";

/** Bundles programs for this runtime; each keeps its name, with the ending `.js`. */
export async function bundledFiles(
  target: "bun" | "node",
  ...entrypoints: readonly string[]
): Promise<readonly TarEntry[]> {
  using directory = tempDir();
  await Bun.build({
    entrypoints: [...entrypoints],
    target,
    splitting: true,
    outdir: directory.path,
  });
  return readdirSync(directory.path).map((name) => ({
    path: `app/${name}`,
    content: readFileSync(directory.file(name)),
  }));
}
