// Which directories of the finished tree lie ready in one layer's private tree, as a whole: they are moved by one
// rename instead of one for every file below. Touches no disk.

import { Pace } from "../system/pace.ts";
import { ROOT, type RootedPath, childOf } from "./path.ts";
import type { Directory, File, Tree } from "./tree.ts";
import type { LayerShape } from "./bodies.ts";

export interface Moves {
  /** The layer that has a directory ready, for every directory that one has. */
  readonly directories: ReadonlyMap<Directory, number>;
  /** Files with more than one name of which one is where their content lies: that name is to be their first. */
  readonly atHome: ReadonlySet<File>;
}

/** A number for each layer that has something. */
type Counts = Map<number, number>;

/** How much of a directory a layer has ready: files and directories, all the way down. */
type Ready = Counts;

/**
 * Compares the tree with what each layer put on disk. A layer's directory is ready when everything in it is part of the
 * tree at the very same path: nothing was replaced, hidden, or reached through a link.
 */
export async function planMoves(tree: Tree, shapes: readonly LayerShape[]): Promise<Moves> {
  const planning = new Planning(shapes);
  await planning.visit(tree.root, ROOT);
  return planning;
}

class Planning implements Moves {
  readonly directories = new Map<Directory, number>();
  readonly atHome = new Set<File>();
  readonly #shapes: readonly LayerShape[];
  readonly #pace = new Pace();

  constructor(shapes: readonly LayerShape[]) {
    this.#shapes = shapes;
  }

  async visit(directory: Directory, path: RootedPath): Promise<Ready> {
    const files: Counts = new Map();
    const directories: Counts = new Map();
    const below: Ready = new Map();
    for (const [name, node] of directory.children) {
      if (this.#pace.isDue()) await this.#pace.rest();
      const childPath = childOf(path, name);
      if (node.type === "directory") {
        for (const [layer, weight] of await this.visit(node, childPath)) {
          add(directories, layer, 1);
          add(below, layer, weight);
        }
      } else if (node.type === "file" && node.body === childPath) {
        add(files, node.layer, 1);
        if (node.hasLinks) this.atHome.add(node);
      }
    }
    const ready: Ready = new Map();
    // Only the layers that have something here: an image may have more layers times directories than can be asked.
    for (const layer of new Set([...files.keys(), ...directories.keys()])) {
      const own = this.#shapes[layer]?.get(path);
      const present = files.get(layer) ?? 0;
      if (own?.files !== present || own.directories !== (directories.get(layer) ?? 0)) continue;
      ready.set(layer, 1 + present + (below.get(layer) ?? 0));
    }
    const [best] = [...ready].sort(([, one], [, other]) => other - one);
    if (best !== undefined) this.directories.set(directory, best[0]);
    return ready;
  }
}

function add(counts: Counts, layer: number, amount: number): void {
  counts.set(layer, (counts.get(layer) ?? 0) + amount);
}
