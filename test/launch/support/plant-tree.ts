// A tree on disk with the entries that an image's layer would have.

import { chmodSync, constants, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TarEntry } from "../../support/tar-archive.ts";
import type { TempDir } from "../../support/temp-dir.ts";

/** Makes `<dir>/root` and returns its path. */
export function plantTree(dir: TempDir, entries: readonly TarEntry[]): string {
  const root = dir.file("root");
  mkdirSync(root);
  for (const entry of entries) plant(join(root, entry.path), entry);
  return root;
}

function plant(path: string, { path: name, type, target, source, content, mode }: TarEntry): void {
  const isDirectory = type === "directory" || name.endsWith("/");
  mkdirSync(isDirectory ? path : dirname(path), { recursive: true });
  if (type === "symlink") return symlinkSync(target ?? "", path);
  if (source !== undefined) copyFileSync(source, path, constants.COPYFILE_FICLONE);
  else if (!isDirectory) writeFileSync(path, content ?? "");
  chmodSync(path, mode ?? (isDirectory ? 0o755 : 0o644));
}
