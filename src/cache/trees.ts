// Finished trees, each below a name of its own that is never used again: a tree that somebody uses can be replaced, and
// stays until its last user has ended.
//
// A tree is believed only in the boot that it was written in. After a power loss files may be empty or hold zeros, and
// no record says which; reading and hashing a tree of 23,000 files takes as long as unpacking it anew from the cached
// layers, whose digests prove more. Within a boot, what changes an entry changes its state (see tree-state.ts). A look at
// one takes 2 µs, or 10 µs when the kernel has forgotten it: too long for all entries of a large tree. All directories
// are looked at, and files for a few milliseconds, others at each start; the rest of them for as long as the registry's
// answer is waited for anyhow.

import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Digest } from "../oci/digest.ts";
import { onExit } from "../system/cleanup.ts";
import { lockFile, type LockWait } from "../system/file-lock.ts";
import { removeTree } from "../system/private-directory.ts";
import { bootId } from "../system/process-identity.ts";
import { type CacheDirectory, touch } from "./directory.ts";
import { takeLease } from "./leases.ts";
import { type RecordedTree, recordTree, TreeState } from "./tree-state.ts";

/** What makes a tree the right one: the image's manifest, and whose its files are. */
export interface TreeKey {
  readonly manifest: Digest;
  readonly uid: number;
  readonly gid: number;
}

export interface CachedTree<Report> {
  /** The root directory: to be read only. */
  readonly path: string;
  /** What whoever filled it had to say. */
  readonly report: Report;
  /** Keeps it from eviction while this process lives, through execve. */
  readonly lease: Disposable;
}

/** What is written down of a tree, beside it. A tree without its record is no longer anybody's. */
interface TreeRecord<Report> {
  readonly boot: string;
  readonly tree: RecordedTree;
  readonly report: Report;
}

/** Files are looked at for so long, and always so many. */
const LOOK_MS = 3;
const FILES_AT_ONCE = 256;

/** `Report` is what `fill` has to say; it is kept as JSON. */
export class Trees<Report> {
  readonly #directory: CacheDirectory;

  constructor(directory: CacheDirectory) {
    this.#directory = directory;
  }

  /**
   * The tree of that key, if there is one that nothing has happened to. All directories are looked at, and some files,
   * and then more until there are none left, or `isOver`.
   */
  async find(
    key: TreeKey,
    isOver: () => boolean = () => true,
  ): Promise<CachedTree<Report> | undefined> {
    for (const name of readdirSync(this.#directory.trees)) {
      const found = name.startsWith(prefixOf(key)) ? await this.#use(name, isOver) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /**
   * The tree of that key. Where there is none, `fill` makes one at a path that does not exist yet, and gives it to the
   * key's owner: of several processes that want the same tree one does so and the others wait.
   * Throws what `fill` throws, the signal's reason, DISK_FULL and DISK_UNWRITABLE.
   */
  async findOrFill(
    key: TreeKey,
    fill: (root: string) => Promise<Report>,
    wait: LockWait = {},
  ): Promise<CachedTree<Report>> {
    try {
      using _ = await lockFile(join(this.#directory.locks, `tree-${prefixOf(key)}`), wait);
      return (await this.find(key)) ?? (await this.#fill(key, fill));
    } catch (error) {
      throw this.#directory.problem(error);
    }
  }

  async #use(name: string, isOver: () => boolean): Promise<CachedTree<Report> | undefined> {
    const directory = join(this.#directory.trees, name);
    const path = join(directory, "root");
    let lease: Disposable | undefined;
    try {
      lease = takeLease(this.#directory, name);
      const { boot, tree, report } = readRecord<Report>(directory);
      using state = new TreeState(path, stateFiles(directory), tree);
      if (boot === bootId() && (await isSame(state, isOver))) {
        touch(recordFile(directory));
        return { path, report, lease };
      }
    } catch {
      // Incomplete, or gone this moment.
    }
    // Without a lease nobody has looked at it.
    if (lease === undefined) return undefined;
    forgetTree(directory);
    lease[Symbol.dispose]();
    return undefined;
  }

  async #fill(key: TreeKey, fill: (root: string) => Promise<Report>): Promise<CachedTree<Report>> {
    const temporary = this.#directory.temporaryPath();
    const name = prefixOf(key) + crypto.randomUUID().slice(0, 8);
    const directory = join(this.#directory.trees, name);
    const removal = onExit(() => removeTree(temporary));
    try {
      mkdirSync(temporary, { mode: 0o700 });
      const root = join(temporary, "root");
      const report = await fill(root);
      const tree = await recordTree(root, stateFiles(temporary));
      const record: TreeRecord<Report> = { boot: bootId(), tree, report };
      writeFileSync(recordFile(temporary), JSON.stringify(record), { mode: 0o600 });
      const lease = takeLease(this.#directory, name);
      renameSync(temporary, directory);
      return { path: join(directory, "root"), report, lease };
    } finally {
      removal[Symbol.dispose]();
    }
  }
}

/** What a tree takes of the disk; nothing is known of one without a record. */
export function treeDiskBytes(directory: string): number | undefined {
  try {
    return readRecord(directory).tree.diskBytes;
  } catch {
    return undefined;
  }
}

/** When a tree was last used, in milliseconds since 1970. */
export function treeUsedAt(directory: string): number {
  return lstatSync(recordFile(directory), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Has nobody find a tree any more. Its files stay for those who use it. */
export function forgetTree(directory: string): void {
  rmSync(recordFile(directory), { force: true });
}

async function isSame(state: TreeState, isOver: () => boolean): Promise<boolean> {
  if (!state.directoriesAreSame()) return false;
  const started = performance.now();
  while (state.filesAreSame(FILES_AT_ONCE)) {
    if (state.isDone) return true;
    if (isOver() && performance.now() - started > LOOK_MS) return true;
    // The answer that is waited for must be heard.
    await nextTurn();
  }
  return false;
}

function readRecord<Report>(directory: string): TreeRecord<Report> {
  // Written by `#fill`, in a directory that nobody else may write to.
  return JSON.parse(readFileSync(recordFile(directory), "utf8")) as TreeRecord<Report>;
}

function recordFile(directory: string): string {
  return join(directory, "tree.json");
}

function stateFiles(directory: string) {
  return { rows: join(directory, "rows"), names: join(directory, "names") };
}

function prefixOf({ manifest, uid, gid }: TreeKey): string {
  return `${manifest.replace(":", "-")}-${uid}-${gid}-`;
}
