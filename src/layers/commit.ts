// The finished tree onto the disk, in an order that keeps every write inside: directories, files and hard links while
// no symbolic link exists below the root, so that no path can lead out of it; then, deepest first, each directory's
// symbolic links and its own attributes.

import { type Directory, IMPLIED, type Leaf, type Special, type Tree } from "./tree.ts";
import type { UnkeptList } from "./unkept.ts";
import {
  bodyPath,
  copyFile,
  createDirectory,
  createPlaceholder,
  createSymlink,
  finishDirectory,
  placeBody,
  tryHardLink,
} from "./write.ts";

export interface CommitOptions {
  /** An empty directory. Paths are latin1, one character a byte. */
  readonly root: string;
  /** Where the bodies of the layer with that number are. */
  bodies(layer: number): string;
  readonly unkept: UnkeptList;
}

export interface Committed {
  /** Names in the tree, the root not counted. */
  readonly entries: number;
  /** Bytes of its files, each counted once however many names it has. */
  readonly bytes: number;
}

/** Writes the tree. Throws what the filesystem throws. */
export function commitTree(tree: Tree, options: CommitOptions): Committed {
  const commit = new Commit(options);
  commit.placeFiles(tree.root, options.root);
  commit.finish(tree.root, options.root);
  return { entries: commit.entries, bytes: commit.bytes };
}

class Commit {
  entries = 0;
  bytes = 0;
  readonly #options: CommitOptions;
  /** The first path of every inode that has more than one. */
  readonly #placed = new Map<Leaf, string>();

  constructor(options: CommitOptions) {
    this.#options = options;
  }

  placeFiles(directory: Directory, path: string): void {
    for (const [name, node] of directory.children) {
      const childPath = `${path}/${name}`;
      if (node.type === "directory") {
        createDirectory(childPath);
        this.entries += 1;
        this.placeFiles(node, childPath);
      } else if (node.type !== "symlink") {
        this.#placeLeaf(node, childPath);
      }
    }
  }

  finish(directory: Directory, path: string): void {
    for (const [name, node] of directory.children) {
      const childPath = `${path}/${name}`;
      if (node.type === "directory") this.finish(node, childPath);
      else if (node.type === "symlink") this.#placeLeaf(node, childPath);
    }
    finishDirectory(path, directory.attributes);
    this.#noteAttributes(directory, path);
  }

  #placeLeaf(leaf: Leaf, path: string): void {
    const placed = this.#placed.get(leaf);
    if (placed === undefined) this.#placeFirst(leaf, path);
    else this.#placeAgain(leaf, placed, path);
  }

  #placeFirst(leaf: Leaf, path: string): void {
    if (leaf.hasLinks) this.#placed.set(leaf, path);
    switch (leaf.type) {
      case "file":
        placeBody(bodyPath(this.#options.bodies(leaf.layer), leaf.body), path);
        this.bytes += leaf.size;
        break;
      case "symlink":
        createSymlink(leaf.target, path, leaf.attributes);
        break;
      default:
        this.#placeSpecial(leaf, path);
        return;
    }
    this.entries += 1;
    this.#noteAttributes(leaf, path);
  }

  #placeSpecial(special: Special, path: string): void {
    this.#options.unkept.add(special.type, this.#inside(path));
    if (!special.hasLinks) return;
    createPlaceholder(path, special.attributes);
    this.entries += 1;
  }

  #placeAgain(leaf: Leaf, placed: string, path: string): void {
    this.entries += 1;
    if (tryHardLink(placed, path)) return;
    this.#options.unkept.add("hardlink", this.#inside(path));
    if (leaf.type === "symlink") createSymlink(leaf.target, path, leaf.attributes);
    else copyFile(placed, path, leaf.attributes);
    // The copy takes the next links, so that one full inode does not turn all that follow into copies.
    this.#placed.set(leaf, path);
  }

  #noteAttributes({ attributes }: Directory | Leaf, path: string): void {
    // What the image says nothing about cannot be lost.
    if (attributes === IMPLIED) return;
    this.#options.unkept.addAttributes(attributes, this.#inside(path));
  }

  #inside(path: string): string {
    return path.slice(this.#options.root.length + 1) || ".";
  }
}
