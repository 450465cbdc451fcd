// A tree copied with what a rename would have kept: kinds, modes, owners, times, links, and files that have several
// names. Where the file system shares blocks between files, it does. What is not a file, a directory or a link is
// refused.

import {
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  type BigIntStats,
} from "node:fs";
import { RunnerError } from "../errors.ts";
import { setLinkTimes } from "../system/file-times.ts";
import { Pace } from "../system/pace.ts";

interface Copied {
  readonly target: Buffer;
  readonly stats: BigIntStats;
}

const SLASH = Buffer.from("/");
const PERMISSIONS = 0o7777n;
const SECOND = 1_000_000_000n;

/**
 * Copies a tree to a name that does not exist yet, and changes nothing of the tree; no link is followed. Throws what
 * the file system says.
 */
export async function copyTree(source: Buffer, target: Buffer): Promise<void> {
  const pace = new Pace();
  const names = new Map<string, Buffer>();
  const directories: Copied[] = [];
  const pending = [{ from: source, to: target }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { from, to } = next;
    const stats = lstatSync(from, { bigint: true });
    if (stats.isDirectory()) {
      mkdirSync(to, { mode: 0o700 });
      directories.push({ target: to, stats });
      for (const name of readdirSync(from, { encoding: "buffer" })) {
        pending.push({ from: below(from, name), to: below(to, name) });
      }
    } else copyEntry(from, { target: to, stats }, names);
    if (pace.isDue()) await pace.rest();
  }
  // From the inside out: a directory's time changes with what is put into it, and a closed one takes nothing more.
  for (const directory of directories.toReversed()) takeAfter(directory);
}

function copyEntry(source: Buffer, copy: Copied, names: Map<string, Buffer>): void {
  const { target, stats } = copy;
  const inode = `${stats.dev}:${stats.ino}`;
  const first = names.get(inode);
  if (first !== undefined) return linkSync(first, target);
  if (stats.nlink > 1n) names.set(inode, target);
  if (stats.isSymbolicLink()) symlinkSync(readlinkSync(source, "buffer"), target);
  else if (stats.isFile()) copyFileSync(source, target, FRESH);
  else
    throw new RunnerError("DISK_UNWRITABLE", `${source} is neither a file, a directory nor a link`);
  takeAfter(copy);
}

// Over nothing that exists, and as a second name for the same blocks where that can be.
const FRESH = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;

function takeAfter({ target, stats }: Copied): void {
  if (process.geteuid?.() === 0) lchownSync(target, Number(stats.uid), Number(stats.gid));
  if (!stats.isSymbolicLink()) chmodSync(target, Number(stats.mode & PERMISSIONS));
  setLinkTimes(target, timeOf(stats.mtimeNs));
}

// Nanoseconds count forward from the second before, also before 1970.
function timeOf(sinceEpoch: bigint) {
  const nanoseconds = ((sinceEpoch % SECOND) + SECOND) % SECOND;
  return {
    seconds: Number((sinceEpoch - nanoseconds) / SECOND),
    nanoseconds: Number(nanoseconds),
  };
}

function below(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, SLASH, name]);
}
