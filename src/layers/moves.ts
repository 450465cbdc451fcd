// Which directories of the finished tree lie ready in one layer's private tree, as a whole: they are moved by one
// rename instead of one for every file below. Touches no disk.

import { ROOT, type RootedPath, childOf } from "./path.ts";
import type { Directory, File, Tree } from "./tree.ts";
import type { LayerShape } from "./write.ts";

export interface Moves {
  /** The layer that has a directory ready, for every directory that one has. */
  readonly directories: ReadonlyMap<Directory, number>;
  /** Files with more than one name of which one is where their content lies: that name is to be their first. */
  readonly atHome: ReadonlySet<File>;
}

/** How much of a directory a layer has ready: files and directories, all the way down. */
type Ready = Map<number, number>;

/**
 * Compares the tree with what each layer put on disk. A layer's directory is ready when everything in it is part of the
 * tree at the very same path: nothing was replaced, hidden, or reached through a link.
 */
export function planMoves(tree: Tree, shapes: readonly LayerShape[]): Moves {
  const plan = { directories: new Map<Directory, number>(), atHome: new Set<File>() };
  visit(tree.root, ROOT, shapes, plan);
  return plan;
}

interface Plan {
  readonly directories: Map<Directory, number>;
  readonly atHome: Set<File>;
}

function visit(
  directory: Directory,
  path: RootedPath,
  shapes: readonly LayerShape[],
  plan: Plan,
): Ready {
  const files = new Map<number, number>();
  const directories = new Map<number, number>();
  const below: Ready = new Map();
  for (const [name, node] of directory.children) {
    const childPath = childOf(path, name);
    if (node.type === "directory") {
      for (const [layer, weight] of visit(node, childPath, shapes, plan)) {
        add(directories, layer, 1);
        add(below, layer, weight);
      }
    } else if (node.type === "file" && node.body === childPath) {
      add(files, node.layer, 1);
      if (node.hasLinks) plan.atHome.add(node);
    }
  }
  const ready: Ready = new Map();
  for (const [layer, shape] of shapes.entries()) {
    const own = shape.get(path);
    if (own === undefined) continue;
    const isWhole =
      own.files === (files.get(layer) ?? 0) && own.directories === (directories.get(layer) ?? 0);
    if (isWhole) ready.set(layer, 1 + own.files + (below.get(layer) ?? 0));
  }
  const [best] = [...ready].sort(([, one], [, other]) => other - one);
  if (best !== undefined) plan.directories.set(directory, best[0]);
  return ready;
}

function add(counts: Map<number, number>, layer: number, amount: number): void {
  counts.set(layer, (counts.get(layer) ?? 0) + amount);
}
