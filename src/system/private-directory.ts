// Directories that belong to this run alone and vanish with it.

import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { onExit } from "./cleanup.ts";

const SLASH = Buffer.from("/");

export interface PrivateDirectory extends Disposable {
  readonly path: string;
}

/**
 * Creates `<parent>/<prefix>XXXXXX` with mode 0700; it is removed when disposed, or on any way out.
 * Missing parents are created, for this user alone.
 */
export function privateDirectory(parent: string, prefix: string): PrivateDirectory {
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const path = mkdtempSync(join(parent, prefix));
  const removal = onExit(() => removeTree(path));
  return { path, [Symbol.dispose]: () => removal[Symbol.dispose]() };
}

/** Removes a tree, whatever modes its directories have; no symbolic link is followed. A missing path is fine. */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // An image's directory may have mode 0000 or 0555, which its owner cannot empty.
    openDirectories(Buffer.from(path));
    rmSync(path, { recursive: true, force: true });
  }
}

// Names are bytes: a directory whose name is not UTF-8 must be found as well.
function openDirectories(path: Buffer): void {
  chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true, encoding: "buffer" })) {
    if (entry.isDirectory()) openDirectories(Buffer.concat([path, SLASH, entry.name]));
  }
}
