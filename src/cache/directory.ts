// The directory of a cache: who may have it, where things lie in it, and how anything gets there: built under a name that
// bears its process's identity, and put in place by one rename. Knows nothing of images.

import { lstatSync, mkdirSync, readdirSync, statSync, utimesSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { RunnerError } from "../errors.ts";
import { diskError, errnoOf } from "../system/disk-error.ts";
import { removeTree } from "../system/private-directory.ts";
import { identityIn, lifeOf, ownIdentity } from "../system/process-identity.ts";

/** Another layout is another directory: a runner of another version neither reads nor removes what is in this one. */
const LAYOUT = "v1";

const HINT = "Set CACHE_DIR to a directory of your own that only you may write to (chmod 0700).";
const WRITABLE_BY_OTHERS = 0o022;
/** A process that nobody here can ask about has ended by then, or has been forgotten. */
const FORGOTTEN_MS = 24 * 60 * 60 * 1000;

export class CacheDirectory {
  readonly path: string;
  readonly blobs: string;
  readonly trees: string;
  readonly names: string;
  readonly leases: string;
  readonly locks: string;
  readonly temporary: string;
  readonly #identity = ownIdentity();
  #count = 0;

  /**
   * Opens a cache, which is created where there is none.
   * Throws DISK_UNWRITABLE where another user has a hand in it, who could exchange what will run; DISK_FULL.
   */
  constructor(path: string) {
    this.path = path;
    const root = join(path, LAYOUT);
    const below = (name: string) => join(root, name);
    this.blobs = below("blobs");
    this.trees = below("trees");
    this.names = below("names");
    this.leases = below("leases");
    this.locks = below("locks");
    this.temporary = below("tmp");
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      requireOwn(path, statSync(path));
      mkdirSync(root, { recursive: true, mode: 0o700 });
      requireOwn(root, lstatSync(root));
      for (const directory of [this.blobs, this.trees, this.names, this.leases, this.locks]) {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
      }
      mkdirSync(this.temporary, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw this.problem(error);
    }
  }

  /** What the filesystem's refusals come to, DISK_FULL or DISK_UNWRITABLE; any other error is returned as it is. */
  problem(error: unknown): unknown {
    if (error instanceof RunnerError || !/^E[A-Z\d]+$/.test(errnoOf(error))) return error;
    const why = isFile(error) ? ", which is no directory" : ` (${errnoOf(error)})`;
    return diskError(error, {
      full: `there is no room left for a cache in ${this.path}`,
      unwritable: `no cache can be kept in ${this.path}${why}`,
      unwritableHint: HINT,
    });
  }

  /** A path of this process's own where something can be built; it does not exist yet. */
  temporaryPath(): string {
    this.#count += 1;
    return join(this.temporary, `${this.#identity}-${this.#count}`);
  }

  /** Removes what processes that have ended were building. */
  async sweep(): Promise<void> {
    for (const name of readdirSync(this.temporary)) {
      const path = join(this.temporary, name);
      if (isForsaken(name, path)) await remove(path);
    }
  }
}

/** Says that something has just been used: what was used longest ago goes first when the cache is full. */
export function touch(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // Evicted this moment, or the disk has become read-only.
  }
}

/** Removes a tree while signals are heard. What cannot be removed stays: it is in nobody's way. */
export async function remove(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true }).catch(() => removeTree(path));
  } catch {
    // A mount in it, or a disk that has become read-only.
  }
}

/** Whether a thing that bears a process's identity belongs to nobody any more. */
export function isForsaken(name: string, path: string, forgottenMs = FORGOTTEN_MS): boolean {
  const identity = identityIn(name);
  const life = identity === undefined ? "dead" : lifeOf(identity);
  if (life !== "elsewhere") return life === "dead";
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs > forgottenMs;
}

function isFile(error: unknown): boolean {
  return ["EEXIST", "ENOTDIR"].includes(errnoOf(error));
}

function requireOwn(path: string, { uid, mode }: { readonly uid: number; readonly mode: number }) {
  const isOwn = uid === process.geteuid?.();
  if (isOwn && (mode & WRITABLE_BY_OTHERS) === 0) return;
  throw new RunnerError(
    "DISK_UNWRITABLE",
    `the cache ${path} ${isOwn ? "may be written by other users" : "belongs to another user"}`,
    { hint: HINT },
  );
}
