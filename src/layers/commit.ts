// The finished tree onto the disk, in an order that keeps every write inside: directories, files and hard links while
// no symbolic link exists below the root, so that no path can lead out of it; then, deepest first, each directory's
// symbolic links and its own attributes.

import { Pace } from "../system/pace.ts";
import type { Budget } from "./limits.ts";
import { type LayerShape, bodyPath } from "./bodies.ts";
import { ContentMissing, type ContentRule } from "./content-rule.ts";
import { type Moves, planMoves } from "./moves.ts";
import { type RootedPath, ROOT, childOf } from "./path.ts";
import {
  type Directory,
  type File,
  IMPLIED,
  type Leaf,
  type Special,
  type Symlink,
  type Tree,
} from "./tree.ts";
import type { UnkeptList } from "./unkept.ts";
import {
  copyFile,
  createDirectory,
  createPlaceholder,
  createSymlink,
  finishDirectory,
  placeBody,
  tryHardLink,
} from "./write.ts";

export interface CommitOptions {
  /** Where the tree goes: an empty directory. Paths are latin1, one character a byte. */
  readonly root: string;
  /** Where the bodies of the layer with that number are. */
  bodies(layer: number): string;
  /** The directories of each layer's bodies. */
  readonly shapes: readonly LayerShape[];
  readonly unkept: UnkeptList;
  /** What copies are counted against, where the filesystem will have no more hard links. */
  readonly budget: Budget;
  /** Files that are not wanted, and have no content, are left out. */
  readonly wants: ContentRule;
}

export interface Committed {
  /** Names in the tree, the root not counted. */
  readonly entries: number;
  /** Bytes of its files, each counted once however many names it has. */
  readonly bytes: number;
}

/** A tree whose directories, files and hard links are in place; of what the layers brought nothing more is needed. */
export interface PlacedTree {
  /** Adds the symbolic links, and gives directories their attributes. Throws what the filesystem throws. */
  finish(): Promise<Committed>;
}

/** Writes the tree but for its end. Throws what the filesystem throws. */
export async function placeTree(tree: Tree, options: CommitOptions): Promise<PlacedTree> {
  const commit = new Commit(options, await planMoves(tree, options.shapes));
  await commit.placeDirectory(tree.root, ROOT, undefined);
  await commit.placeLinks();
  return {
    async finish() {
      await commit.finish(tree.root, ROOT);
      return { entries: commit.entries, bytes: commit.bytes };
    },
  };
}

class Commit {
  entries = 0;
  bytes = 0;
  readonly #options: CommitOptions;
  readonly #moves: Moves;
  readonly #pace = new Pace();
  /** Where each inode with more than one name has its first. */
  readonly #firsts = new Map<Leaf, RootedPath>();
  readonly #links: (readonly [leaf: File | Special, path: RootedPath])[] = [];
  /** Symbolic links with more than one name. */
  readonly #linkedSymlinks: (readonly [symlink: Symlink, path: RootedPath])[] = [];

  constructor(options: CommitOptions, moves: Moves) {
    this.#options = options;
    this.#moves = moves;
  }

  /** `arrived` is the layer whose directory of that path has come along with one above it. */
  async placeDirectory(
    directory: Directory,
    path: RootedPath,
    arrived: number | undefined,
  ): Promise<void> {
    const layer = arrived ?? this.#makeDirectory(directory, path);
    if (path !== ROOT) this.entries += 1;
    this.#noteAttributes(directory, path);
    for (const [name, node] of directory.children) {
      if (this.#pace.isDue()) await this.#pace.rest();
      const childPath = childOf(path, name);
      if (node.type === "directory") {
        const isThere = layer !== undefined && this.#options.shapes[layer]?.has(childPath) === true;
        await this.placeDirectory(node, childPath, isThere ? layer : undefined);
      } else if (node.type === "file") {
        this.#placeFile(node, childPath, layer);
      } else if (node.type !== "symlink") {
        this.#placeSpecial(node, childPath);
      } else if (node.hasLinks) {
        this.#linkedSymlinks.push([node, childPath]);
      }
    }
  }

  /** The further names of files, once all of them have their first; then the symbolic links that have several. */
  async placeLinks(): Promise<void> {
    for (const [leaf, path] of this.#links) {
      if (this.#pace.isDue()) await this.#pace.rest();
      this.#placeAgain(leaf, path);
    }
    // While every directory is open: the one with the first name may be closed in the end.
    for (const [symlink, path] of this.#linkedSymlinks) {
      if (this.#pace.isDue()) await this.#pace.rest();
      if (this.#isFirst(symlink, path)) this.#placeSymlink(symlink, path);
      else this.#placeAgain(symlink, path);
    }
  }

  async finish(directory: Directory, path: RootedPath): Promise<void> {
    for (const [name, node] of directory.children) {
      if (this.#pace.isDue()) await this.#pace.rest();
      const childPath = childOf(path, name);
      if (node.type === "directory") await this.finish(node, childPath);
      else if (node.type === "symlink" && !node.hasLinks) this.#placeSymlink(node, childPath);
    }
    finishDirectory(this.#onDisk(path), directory.attributes);
  }

  #makeDirectory(directory: Directory, path: RootedPath): number | undefined {
    const layer = this.#moves.directories.get(directory);
    if (layer === undefined && path !== ROOT) createDirectory(this.#onDisk(path));
    if (layer !== undefined) {
      placeBody(bodyPath(this.#options.bodies(layer), path), this.#onDisk(path));
    }
    return layer;
  }

  #placeFile(file: File, path: RootedPath, arrived: number | undefined): void {
    if (file.body === undefined) {
      if (this.#options.wants(path)) throw new ContentMissing();
      return;
    }
    if (!this.#isFirst(file, path)) {
      this.#links.push([file, path]);
      return;
    }
    const isThere = file.layer === arrived && file.body === path;
    if (!isThere) {
      placeBody(bodyPath(this.#options.bodies(file.layer), file.body), this.#onDisk(path));
    }
    this.bytes += file.size;
    this.#count(file, path);
  }

  #placeSpecial(special: Special, path: RootedPath): void {
    if (!this.#isFirst(special, path)) {
      this.#links.push([special, path]);
      return;
    }
    this.#options.unkept.add(special.type, path);
    if (!special.hasLinks) return;
    createPlaceholder(this.#onDisk(path), special.attributes);
    this.entries += 1;
  }

  #placeSymlink(symlink: Symlink, path: RootedPath): void {
    createSymlink(symlink.target, this.#onDisk(path), symlink.attributes);
    this.#count(symlink, path);
  }

  /** Whether this is the name under which an inode comes to be. */
  #isFirst(leaf: Leaf, path: RootedPath): boolean {
    if (!leaf.hasLinks) return true;
    const isAtHome = leaf.type === "file" && this.#moves.atHome.has(leaf);
    const isFirst = isAtHome ? leaf.body === path : !this.#firsts.has(leaf);
    if (isFirst) this.#firsts.set(leaf, path);
    return isFirst;
  }

  #placeAgain(leaf: Leaf, path: RootedPath): void {
    const first = this.#onDisk(this.#firsts.get(leaf) ?? ROOT);
    this.entries += 1;
    if (tryHardLink(first, this.#onDisk(path))) return;
    this.#options.unkept.add("hardlink", path);
    this.#copy(leaf, first, this.#onDisk(path));
    // The copy takes the next links, so that one full inode does not turn all that follow into copies.
    this.#firsts.set(leaf, path);
  }

  #copy(leaf: Leaf, first: string, path: string): void {
    if (leaf.type === "symlink") return createSymlink(leaf.target, path, leaf.attributes);
    if (leaf.type !== "file") return createPlaceholder(path, leaf.attributes);
    this.#options.budget.spendBytes(leaf.size);
    copyFile(first, path, leaf.attributes);
  }

  #count(leaf: Leaf, path: RootedPath): void {
    this.entries += 1;
    this.#noteAttributes(leaf, path);
  }

  #noteAttributes({ attributes }: Directory | Leaf, path: RootedPath): void {
    // What the image says nothing about cannot be lost.
    if (attributes === IMPLIED) return;
    this.#options.unkept.addAttributes(attributes, path === ROOT ? "." : path);
  }

  #onDisk(path: RootedPath): string {
    return path === ROOT ? this.#options.root : `${this.#options.root}/${path}`;
  }
}
