// The image's filesystem as it will be, in memory: names, inodes and links, and the walk that finds a path inside it.
// Nothing here touches a disk, so nothing that an archive names can lead anywhere else.

import { NO_XATTRS } from "../archive/pax.ts";
import { showName } from "../archive/show-name.ts";
import { RunnerError } from "../errors.ts";
import type { Attributes, Body } from "./entry.ts";
import { type Limits, limitError } from "./limits.ts";
import { type RootedPath, componentsOf } from "./path.ts";

export interface Directory {
  readonly type: "directory";
  readonly parent: Directory | undefined;
  readonly depth: number;
  readonly children: Map<string, Node>;
  attributes: Attributes;
}

export interface File {
  readonly type: "file";
  readonly attributes: Attributes;
  readonly size: number;
  /** Its content, in the private directory of the layer with that number. */
  readonly layer: number;
  readonly body: Body | undefined;
  hasLinks: boolean;
}

export interface Symlink {
  readonly type: "symlink";
  readonly attributes: Attributes;
  readonly target: string;
  hasLinks: boolean;
}

/** A device node or a named pipe: it holds its name in the tree, but does not reach the disk. */
export interface Special {
  readonly type: "device" | "fifo";
  readonly attributes: Attributes;
  hasLinks: boolean;
}

export type Leaf = File | Symlink | Special;
export type Node = Directory | Leaf;

/** What no archive describes: parents that an archive only implies, and the root until an entry speaks of it. */
export const IMPLIED: Attributes = {
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
  xattrs: NO_XATTRS,
};

/** Containerd's number. More links on one way are a loop, or will be one to the kernel, which follows 40. */
const MAX_LINKS = 255;
/** Steps of one walk, links' targets included: no path that a program could use has more. */
const MAX_STEPS = 4096;
/** Steps behind links of all walks: a few seconds' worth, and fifty for every file of the largest image. */
const MAX_LINK_STEPS = 100_000_000;

export class Tree {
  readonly root: Directory = directory(undefined);
  readonly #limits: Limits;
  #implied = 0;
  #linkSteps = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /**
   * The directory at `path`, with links followed inside the root; what is missing or no directory becomes one.
   * Throws LAYER_CORRUPT for a loop, LIMIT_EXCEEDED.
   */
  makeDirectory(path: RootedPath): Directory {
    const walk = this.#walk(path);
    let at = walk.directory;
    for (const name of walk.missing) {
      this.#implied += 1;
      if (this.#implied > this.#limits.entries) {
        throw limitError(this.#limits, "entries", "the image implies too many directories");
      }
      at = this.addDirectory(at, name, IMPLIED);
    }
    return at;
  }

  /** The directory at `path`, with links followed inside the root, if there is one. Throws LAYER_CORRUPT for a loop. */
  findDirectory(path: RootedPath): Directory | undefined {
    const walk = this.#walk(path);
    return walk.missing.length === 0 ? walk.directory : undefined;
  }

  /** Puts an empty directory in place of whatever had the name. Throws LIMIT_EXCEEDED. */
  addDirectory(parent: Directory, name: string, attributes: Attributes): Directory {
    if (parent.depth >= this.#limits.depth) {
      throw limitError(this.#limits, "depth", `the directory ${showName(name)} is too deep`);
    }
    const added = directory(parent, attributes);
    parent.children.set(name, added);
    return added;
  }

  // Every component is looked up anew: a remembered answer would outlive the link that replaces a directory
  // (CVE-2025-47290). Below the first name that is missing or no directory, names are only collected.
  #walk(path: RootedPath): Walk {
    let at = this.root;
    const missing: string[] = [];
    const ahead = componentsOf(path).reverse();
    let links = 0;
    for (let steps = 0; ahead.length > 0; steps += 1) {
      if (links > MAX_LINKS || steps + ahead.length > MAX_STEPS) throw loopError(path);
      if (links > 0) this.#countLinkStep();
      const name = ahead.pop() ?? "";
      const node = missing.length > 0 ? undefined : at.children.get(name);
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (missing.pop() === undefined) at = at.parent ?? at;
      } else if (node?.type === "directory") {
        at = node;
      } else if (node?.type === "symlink") {
        links += 1;
        if (node.target.startsWith("/")) at = this.root;
        ahead.push(...node.target.split("/").reverse());
      } else {
        missing.push(name);
      }
    }
    return { directory: at, missing };
  }

  // One path's walk is short, but an archive has room for two million long ones.
  #countLinkStep(): void {
    this.#linkSteps += 1;
    if (this.#linkSteps <= MAX_LINK_STEPS) return;
    throw new RunnerError(
      "LAYER_CORRUPT",
      "the image's paths lead through too many symbolic links",
    );
  }
}

interface Walk {
  /** The last directory that exists. */
  readonly directory: Directory;
  /** The names below it that lead to the goal. */
  readonly missing: readonly string[];
}

function directory(parent: Directory | undefined, attributes: Attributes = IMPLIED): Directory {
  const depth = parent === undefined ? 0 : parent.depth + 1;
  return { type: "directory", parent, depth, children: new Map(), attributes };
}

function loopError(path: RootedPath): RunnerError {
  return new RunnerError(
    "LAYER_CORRUPT",
    `the symbolic links on the way to ${showName(path)} never end`,
  );
}
