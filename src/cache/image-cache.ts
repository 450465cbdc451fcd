// A cache of images as a whole: its parts, opened together.

import { Blobs } from "./blobs.ts";
import { CacheDirectory } from "./directory.ts";
import { evict } from "./eviction.ts";
import { Names } from "./names.ts";
import { Trees } from "./trees.ts";

export interface ImageCache<Report> {
  readonly blobs: Blobs;
  readonly trees: Trees<Report>;
  readonly names: Names;
  /** Removes what killed processes have left, and what is too much. */
  tidy(): Promise<void>;
  /** Removes all that nobody uses, and nobody has used for an hour: the disk is full. */
  makeRoom(): Promise<void>;
}

/** Opens the cache in a directory, which is created where there is none. Throws DISK_UNWRITABLE, DISK_FULL. */
export function openCache<Report>(path: string, maxBytes: number): ImageCache<Report> {
  const directory = new CacheDirectory(path);
  const names = new Names(directory);
  return {
    blobs: new Blobs(directory),
    trees: new Trees<Report>(directory),
    names,
    async tidy() {
      await directory.sweep();
      await evict(directory, names, { maxBytes });
    },
    async makeRoom() {
      await directory.sweep();
      await evict(directory, names, { maxBytes: 0, sparesFresh: true });
    },
  };
}
