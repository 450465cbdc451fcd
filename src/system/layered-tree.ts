// A tree that stays as it is, with a place for changes laid over it: the kernel's overlayfs. Needs a mount namespace
// of the caller's own, and knows nothing of what the tree is.

import { chmodSync, closeSync, lchownSync, lstatSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { RunnerError } from "../errors.ts";
import { addressOf, cString, libc } from "./libc.ts";
import { MS_NODEV, MS_NOSUID, mount } from "./namespace.ts";

// https://github.com/torvalds/linux/blob/v6.12/scripts/syscall.tbl
const FSETXATTR = process.arch === "arm64" ? 7 : 190;
const PERMISSIONS = 0o7777;

// Where overlayfs writes down that a directory hides the one below it. Only root of the machine may use its own
// namespace for that; since Linux 5.11 it is content with the user's.
// https://github.com/torvalds/linux/blob/v6.12/Documentation/filesystems/overlayfs.rst#user-xattr
const MARKS = [
  { attribute: "trusted.overlay.trial", option: "" },
  { attribute: "user.overlay.trial", option: ",userxattr" },
] as const;

/**
 * Mounts `tree` below a directory that belongs to this run, on a file system where changes may be kept, and returns
 * where. Throws SYSTEM_CALL_FAILED with the reason where that cannot be had, and what the file system throws.
 */
export function mountLayered(tree: string, directory: string): string {
  const changes = join(directory, "changes");
  const work = join(directory, "work");
  const target = join(directory, "root");
  for (const path of [changes, work, target]) mkdirSync(path, { mode: 0o700 });
  const descriptors = [tree, changes, work].map((path) => openSync(path, "r"));
  try {
    const [lower = 0, upper = 0, workdir = 0] = descriptors;
    const mark = markFor(work, workdir);
    takeAfter(tree, changes);
    // By descriptor: in a path a comma, a colon or a backslash would be the options' own.
    const options =
      `lowerdir=/proc/self/fd/${lower},upperdir=/proc/self/fd/${upper},` +
      `workdir=/proc/self/fd/${workdir}${mark}`;
    mount({ source: "overlay", target, type: "overlay", flags: MS_NOSUID | MS_NODEV, options });
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
  return target;
}

// Tried before, because overlayfs mounts without it as well and fails only when a server replaces a directory.
function markFor(path: string, descriptor: number): string {
  const found = MARKS.find(({ attribute }) => {
    const name = cString(attribute);
    const value = Buffer.from("y");
    const { syscall } = libc();
    return Number(syscall(FSETXATTR, descriptor, addressOf(name), addressOf(value), 1, 0)) === 0;
  });
  if (found !== undefined) return found.option;
  throw new RunnerError("SYSTEM_CALL_FAILED", `${path} takes no extended attributes`);
}

// What a server sees of its root directory is what the topmost one is.
function takeAfter(tree: string, changes: string): void {
  const { mode, uid, gid } = lstatSync(tree);
  if (process.geteuid?.() === 0) lchownSync(changes, uid, gid);
  chmodSync(changes, mode & PERMISSIONS);
}
