// The tree that will be wanted if the image's name still stands for the same: looked at while the registry is asked.

import { setImmediate as nextTurn } from "node:timers/promises";
import type { CachedTree, TreeKey, Trees } from "../cache/trees.ts";
import type { UnpackReport } from "../layers/unpack.ts";

export type Tree = CachedTree<UnpackReport>;

export class ExpectedTree {
  readonly #trees: Trees<UnpackReport>;
  readonly #key: TreeKey | undefined;
  #finding: Promise<Tree | undefined> | undefined;

  /** Without a key nothing is expected. */
  constructor(trees: Trees<UnpackReport>, key: TreeKey | undefined) {
    this.#trees = trees;
    this.#key = key;
  }

  /** Waits for the answer, and looks at the tree in the meantime. */
  async lookDuring<Answer>(answer: Promise<Answer>): Promise<Answer> {
    let isOver = false;
    if (this.#key !== undefined) this.#finding = this.#find(this.#key, () => isOver);
    try {
      return await answer;
    } finally {
      isOver = true;
    }
  }

  /** The tree, if it is the one that is wanted, and was found. */
  async take({ manifest }: TreeKey): Promise<Tree | undefined> {
    const tree = await this.#finding;
    if (this.#key?.manifest === manifest) return tree;
    tree?.lease[Symbol.dispose]();
    return undefined;
  }

  async #find(key: TreeKey, isOver: () => boolean): Promise<Tree | undefined> {
    // The question is on its way by then.
    await nextTurn();
    return await this.#trees.find(key, isOver).catch(() => undefined);
  }
}
