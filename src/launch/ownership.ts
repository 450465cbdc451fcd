// Whose a tree is: one walk that gives every entry to the server's user, takes special mode bits away and adds up
// what there is. Follows no link.

import { chmodSync, lchownSync, lstatSync, readdirSync, type Stats } from "node:fs";

/** A numeric user and group, never names: a name would be looked up in somebody's passwd file. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

export interface TreeSize {
  readonly entries: number;
  /** Bytes of regular files, a file with several names counted once for each. */
  readonly bytes: number;
}

/** Who the server is when the runner is root. */
export const SERVER_IDENTITY: Identity = { uid: 1000, gid: 1000 };

const SETUID_SETGID = 0o6000;
const PERMISSIONS = 0o7777;
const SLASH = Buffer.from("/");

/** Who the server will be: UID and GID 1000 when the runner is root, otherwise whoever the runner is. */
export function serverIdentity(): Identity {
  const uid = process.geteuid?.() ?? SERVER_IDENTITY.uid;
  return uid === 0 ? SERVER_IDENTITY : { uid, gid: process.getegid?.() ?? SERVER_IDENTITY.gid };
}

/**
 * Gives a tree to `owner`, setuid and setgid bits cleared, and returns its size. The caller must be root or the owner
 * already; nobody else may be using the tree.
 */
export function giveTree(path: string, owner: Identity): TreeSize {
  const change = process.geteuid?.() === 0;
  return walk(path, (entry, stats) => {
    if (!stats.isSymbolicLink() && (stats.mode & SETUID_SETGID) !== 0) {
      chmodSync(entry, stats.mode & PERMISSIONS & ~SETUID_SETGID);
    }
    if (change && (stats.uid !== owner.uid || stats.gid !== owner.gid)) {
      lchownSync(entry, owner.uid, owner.gid);
    }
  });
}

/** The size of a tree that stays as it is. */
export function sizeOf(path: string): TreeSize {
  return walk(path, () => {});
}

function walk(path: string, visit: (entry: Buffer, stats: Stats) => void): TreeSize {
  const total = { entries: 0, bytes: 0 };
  // Names are bytes: one that is not UTF-8 must be given away as well.
  const pending: Buffer[] = [Buffer.from(path)];
  for (let entry = pending.pop(); entry !== undefined; entry = pending.pop()) {
    const stats = lstatSync(entry);
    total.entries += 1;
    if (stats.isFile()) total.bytes += stats.size;
    visit(entry, stats);
    if (stats.isDirectory()) {
      for (const name of readdirSync(entry, { encoding: "buffer" })) {
        pending.push(Buffer.concat([entry, SLASH, name]));
      }
    }
  }
  return total;
}
