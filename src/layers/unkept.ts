// What an image has that a tree of this user cannot: counted by kind, with a few names, so that it is told once.

import { printable } from "../errors.ts";
import type { Attributes } from "./entry.ts";

export type UnkeptKind =
  /** Files of another user or group than this one. */
  | "owner"
  /** Files that were setuid or setgid. */
  | "setuid"
  | "device"
  | "fifo"
  | "xattr"
  /** Files with capabilities of their own. */
  | "capability"
  /** Hard links that became copies, because the filesystem will have no more links. */
  | "hardlink"
  /** Hard links that name themselves. */
  | "self-link";

export interface Unkept {
  readonly kind: UnkeptKind;
  readonly count: number;
  /** The first few paths, safe to print. */
  readonly examples: readonly string[];
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const MAX_EXAMPLES = 5;

export class UnkeptList {
  readonly #owner: Owner;
  readonly #found = new Map<UnkeptKind, { count: number; examples: string[] }>();

  /** `owner` is whom the files belong to here. */
  constructor(owner: Owner) {
    this.#owner = owner;
  }

  /** Counts a file, or `count` things about it. */
  add(kind: UnkeptKind, bytePath: string, count = 1): void {
    const found = this.#found.get(kind) ?? { count: 0, examples: [] };
    found.count += count;
    if (found.examples.length < MAX_EXAMPLES) {
      found.examples.push(printable(Buffer.from(bytePath, "latin1").toString("utf8")));
    }
    this.#found.set(kind, found);
  }

  addAttributes({ mode, uid, gid, xattrs }: Attributes, bytePath: string): void {
    if (uid !== this.#owner.uid || gid !== this.#owner.gid) this.add("owner", bytePath);
    if ((mode & 0o6000) !== 0) this.add("setuid", bytePath);
    if (xattrs.hasCapability) this.add("capability", bytePath);
    if (xattrs.count > 0) this.add("xattr", bytePath, xattrs.count);
  }

  list(): Unkept[] {
    return [...this.#found].map(([kind, { count, examples }]) => ({ kind, count, examples }));
  }
}
