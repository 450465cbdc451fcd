// What a tree on disk is known by: the state of every entry, taken when the tree was finished, in one file of numbers
// and one of names. Whoever changes an entry, by whatever way, changes its inode's time or its directory's.

import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { FileNames, STATE_WORDS } from "../system/file-state.ts";
import { Pace } from "../system/pace.ts";

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const SLASH = Buffer.from("/");
const ZERO = Buffer.alloc(1);

/** A row is where the entry's name begins, and its state. */
const ROW_WORDS = 1 + STATE_WORDS;

/** The files of a state, beside the tree. */
export interface StateFiles {
  readonly rows: string;
  readonly names: string;
}

export interface RecordedTree {
  readonly entries: number;
  /** So many of the entries, the first ones, are directories. */
  readonly directories: number;
  readonly diskBytes: number;
}

/** Writes down a finished tree. Throws what the filesystem throws. */
export async function recordTree(root: string, files: StateFiles): Promise<RecordedTree> {
  const descriptor = openSync(root, "r");
  try {
    const listing = new Listing(root, descriptor);
    await listing.list();
    return listing.write(files);
  } finally {
    closeSync(descriptor);
  }
}

/** A tree beside what was written down of it. */
export class TreeState implements Disposable {
  readonly #descriptor: number;
  readonly #recorded: RecordedTree;
  readonly #rows: Uint32Array;
  readonly #names: FileNames;
  readonly #now = new Uint32Array(STATE_WORDS);
  /** The files are a ring: which of them is looked at next, and how many are left. */
  #next: number;
  #left: number;

  /** Throws what the filesystem throws when there is no such tree, or no such record. */
  constructor(root: string, files: StateFiles, recorded: RecordedTree) {
    const { entries, directories } = recorded;
    const rows = readFileSync(files.rows);
    const names = readFileSync(files.names);
    if (rows.byteLength !== entries * ROW_WORDS * 4 || names.at(-1) !== 0) {
      throw new Error("the record of a tree is incomplete");
    }
    this.#rows = new Uint32Array(rows.buffer, rows.byteOffset, rows.byteLength / 4);
    this.#descriptor = openSync(root, "r");
    this.#names = new FileNames(this.#descriptor, names);
    this.#recorded = recorded;
    this.#left = entries - directories;
    // Not the same ones at every start, where there is no time for all.
    this.#next = Math.floor(Math.random() * this.#left);
  }

  /** Whether every directory is what it was: no entry came, went or has another name. */
  directoriesAreSame(): boolean {
    for (let entry = 0; entry < this.#recorded.directories; entry += 1) {
      if (!this.#isSame(entry)) return false;
    }
    return true;
  }

  /** Whether the next `count` files and links, or as many as are left, are what they were. */
  filesAreSame(count: number): boolean {
    const { entries, directories } = this.#recorded;
    const last = this.#left - Math.min(count, this.#left);
    for (; this.#left > last; this.#left -= 1) {
      if (!this.#isSame(directories + this.#next)) return false;
      this.#next = (this.#next + 1) % (entries - directories);
    }
    return true;
  }

  /** Every file has been looked at. */
  get isDone(): boolean {
    return this.#left === 0;
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }

  #isSame(entry: number): boolean {
    const rows = this.#rows;
    const now = this.#now;
    const row = entry * ROW_WORDS;
    if (!this.#names.stateAt(rows[row] ?? 0, now, 0)) return false;
    for (let word = 0; word < STATE_WORDS; word += 1) {
      if (now[word] !== rows[row + 1 + word]) return false;
    }
    return true;
  }
}

interface Listed {
  readonly name: Buffer;
  readonly state: Uint32Array;
}

class Listing {
  readonly #root: string;
  readonly #descriptor: number;
  readonly #directories: Listed[] = [];
  readonly #others: Listed[] = [];
  readonly #pace = new Pace();
  #diskBytes = 0;

  constructor(root: string, descriptor: number) {
    this.#root = root;
    this.#descriptor = descriptor;
  }

  async list(): Promise<void> {
    this.#add([Buffer.from(".")]);
    for (const { name: directory } of this.#directories) {
      if (this.#pace.isDue()) await this.#pace.rest();
      const path = Buffer.concat([Buffer.from(this.#root), SLASH, directory]);
      // Names are bytes: one that is not UTF-8 must be found again.
      const names = readdirSync(path, { encoding: "buffer" });
      this.#add(names.map((name) => Buffer.concat([directory, SLASH, name])));
    }
  }

  write(files: StateFiles): RecordedTree {
    const listed = [...this.#directories, ...this.#others];
    const rows = new Uint32Array(listed.length * ROW_WORDS);
    let offset = 0;
    for (const [index, { name, state }] of listed.entries()) {
      rows[index * ROW_WORDS] = offset;
      rows.set(state, index * ROW_WORDS + 1);
      offset += name.byteLength + 1;
    }
    writeFileSync(files.rows, rows, { mode: 0o600 });
    writeFileSync(files.names, zeroTerminated(listed.map(({ name }) => name)), { mode: 0o600 });
    const { length: directories } = this.#directories;
    return { entries: listed.length, directories, diskBytes: this.#diskBytes };
  }

  #add(names: readonly Buffer[]): void {
    const files = new FileNames(this.#descriptor, zeroTerminated(names));
    let offset = 0;
    for (const name of names) {
      const state = new Uint32Array(STATE_WORDS);
      if (!files.stateAt(offset, state, 0)) throw new Error("a tree changed while it was listed");
      offset += name.byteLength + 1;
      this.#diskBytes += files.lastDiskBytes;
      const isDirectory = ((state[0] ?? 0) & S_IFMT) === S_IFDIR;
      (isDirectory ? this.#directories : this.#others).push({ name, state });
    }
  }
}

function zeroTerminated(names: readonly Buffer[]): Buffer {
  return Buffer.concat(names.flatMap((name) => [name, ZERO]));
}
