// Room in the cache: what was used longest ago goes first, and what no image needs before what one does. What somebody
// uses never goes.

import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tryLockFile } from "../system/file-lock.ts";
import { type CacheDirectory, remove } from "./directory.ts";
import { leasedTrees } from "./leases.ts";
import type { KnownImage, Names } from "./names.ts";
import { forgetTree, treeDiskBytes, treeUsedAt } from "./trees.ts";

/** Until then a blob may be part of an image that is being pulled, and that no name leads to yet. */
const FRESH_MS = 60 * 60 * 1000;

interface Surroundings {
  readonly directory: CacheDirectory;
  readonly names: Names;
  readonly known: readonly KnownImage[];
  readonly leased: ReadonlySet<string>;
}

interface Evictable {
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly usedAt: number;
  /** A known image consists of it. */
  readonly isNeeded: boolean;
  /** At this moment, by a process. */
  readonly isUsed: boolean;
  evict(): Promise<void>;
}

export interface EvictOptions {
  readonly maxBytes: number;
  /** What was used within the last hour stays, however much it is. */
  readonly sparesFresh?: boolean;
}

/** Removes what is too much. One process at a time does so: where another is at it, this one leaves it alone. */
export async function evict(
  directory: CacheDirectory,
  names: Names,
  { maxBytes, sparesFresh = false }: EvictOptions,
): Promise<void> {
  const lock = tryLockFile(join(directory.locks, "eviction"));
  if (lock === undefined) return;
  try {
    const surroundings = { directory, names, known: names.all(), leased: leasedTrees(directory) };
    await removeForsakenTrees(surroundings);
    const all = [...blobsOf(surroundings), ...treesOf(surroundings)];
    let bytes = all.reduce((sum, evictable) => sum + evictable.bytes, 0);
    const stays = ({ isUsed, usedAt }: Evictable) => isUsed || (sparesFresh && isFresh(usedAt));
    for (const evictable of all.filter((one) => !stays(one)).sort(byWorth)) {
      if (bytes <= maxBytes) break;
      await evictable.evict();
      bytes -= evictable.bytes;
    }
    forgetIncomplete(surroundings);
  } finally {
    lock[Symbol.dispose]();
  }
}

function isFresh(usedAt: number): boolean {
  return Date.now() - usedAt < FRESH_MS;
}

function byWorth(one: Evictable, other: Evictable): number {
  return Number(one.isNeeded) - Number(other.isNeeded) || one.usedAt - other.usedAt;
}

// Trees that were replaced, or found damaged, while somebody used them.
async function removeForsakenTrees({ directory, leased }: Surroundings): Promise<void> {
  for (const name of readdirSync(directory.trees)) {
    const path = join(directory.trees, name);
    if (treeDiskBytes(path) === undefined && !leased.has(name)) await remove(path);
  }
}

function treesOf({ directory, leased, known }: Surroundings): readonly Evictable[] {
  const needed = known.map(({ manifest }) => manifest.replace(":", "-"));
  return readdirSync(directory.trees).flatMap((name) => {
    const path = join(directory.trees, name);
    const bytes = treeDiskBytes(path);
    if (bytes === undefined) return [];
    const isNeeded = needed.some((manifest) => name.startsWith(manifest));
    const evict = () => evictTree(directory, name);
    return [{ bytes, usedAt: treeUsedAt(path), isNeeded, isUsed: leased.has(name), evict }];
  });
}

async function evictTree(directory: CacheDirectory, name: string): Promise<void> {
  const path = join(directory.trees, name);
  forgetTree(path);
  // Whoever found it before that has a lease by now, and it goes when that has ended.
  if (!leasedTrees(directory).has(name)) await remove(path);
}

function blobsOf({ directory, known }: Surroundings): readonly Evictable[] {
  const needed = new Set<string>(known.flatMap(({ blobs }) => blobs));
  return readdirSync(directory.blobs).flatMap((algorithm) =>
    readdirSync(join(directory.blobs, algorithm)).flatMap((hex) => {
      const path = join(directory.blobs, algorithm, hex);
      const stats = lstatSync(path, { throwIfNoEntry: false });
      if (stats === undefined) return [];
      const { size, mtimeMs } = stats;
      const isNeeded = needed.has(`${algorithm}:${hex}`) || isFresh(mtimeMs);
      // Whoever is reading it keeps it open.
      const evict = async () => rmSync(path, { force: true });
      return [{ bytes: size, usedAt: mtimeMs, isNeeded, isUsed: false, evict }];
    }),
  );
}

// A name is worth nothing without the manifest that it leads to.
function forgetIncomplete({ directory, names, known }: Surroundings): void {
  for (const image of known) {
    const path = join(directory.blobs, image.manifest.replace(":", "/"));
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) names.forget(image);
  }
}
