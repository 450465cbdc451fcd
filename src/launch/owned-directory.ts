// Changes in a directory that its owner has closed to itself: an image's root often has mode 0555, which is nothing to
// root and keeps an ordinary user from its own tree.

import { chmodSync, lstatSync } from "node:fs";

const PERMISSIONS = 0o7777;
const OWNER_MAY_CHANGE = 0o300;

/** Runs a change in a directory, which has the same mode afterwards. Throws what the change throws. */
export function changeIn<T>(directory: string | Buffer, change: () => T): T {
  const { mode, uid } = lstatSync(directory);
  const user = process.geteuid?.();
  const isClosed = (mode & OWNER_MAY_CHANGE) !== OWNER_MAY_CHANGE && (user === 0 || user === uid);
  if (!isClosed) return change();
  chmodSync(directory, (mode & PERMISSIONS) | OWNER_MAY_CHANGE);
  try {
    return change();
  } finally {
    chmodSync(directory, mode & PERMISSIONS);
  }
}
