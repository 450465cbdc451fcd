// A tree as comparable lines: names, kinds, owners, modes, sizes, times, inodes and content, everything but the time
// of the last access.

import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

const SLASH = Buffer.from("/");

export function snapshotOf(root: string): readonly string[] {
  const lines: string[] = [];
  const pending = [Buffer.from(root)];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const stats = lstatSync(path, { bigint: true });
    const { ino, mode, uid, gid, nlink, size, mtimeNs, ctimeNs } = stats;
    const facts = [ino, mode.toString(8), uid, gid, nlink, size, mtimeNs, ctimeNs];
    lines.push([path.toString("latin1"), ...facts, contentOf(path, stats)].join(" "));
    if (!stats.isDirectory()) continue;
    for (const name of readdirSync(path, { encoding: "buffer" })) {
      pending.push(Buffer.concat([path, SLASH, name]));
    }
  }
  return lines.toSorted();
}

function contentOf(path: Buffer, stats: { isFile(): boolean; isSymbolicLink(): boolean }): string {
  if (stats.isSymbolicLink()) return readlinkSync(path);
  return stats.isFile() ? Bun.hash(readFileSync(path)).toString(16) : "";
}
