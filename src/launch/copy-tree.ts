// A tree copied from one file system to another with what a rename would have kept: kinds, modes, owners, times,
// links, and files that have several names. What is not a file, a directory or a link is refused.

import {
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  type Stats,
} from "node:fs";
import { RunnerError } from "../errors.ts";

const SLASH = Buffer.from("/");
const PERMISSIONS = 0o7777;

/** Copies a tree to a name that does not exist yet; no link is followed. Throws what the file system says. */
export function copyTree(source: Buffer, target: Buffer): void {
  copyEntry(source, target, new Map());
}

function copyEntry(source: Buffer, target: Buffer, names: Map<string, Buffer>): void {
  const stats = lstatSync(source);
  const key = `${stats.dev}:${stats.ino}`;
  const first = stats.isDirectory() ? undefined : names.get(key);
  if (first !== undefined) {
    linkSync(first, target);
    return;
  }
  if (stats.isDirectory()) copyDirectory(source, target, names);
  else if (stats.isSymbolicLink()) symlinkSync(readlinkSync(source, "buffer"), target);
  else if (stats.isFile()) copyFileSync(source, target, constants.COPYFILE_EXCL);
  else
    throw new RunnerError("DISK_UNWRITABLE", `${source} is neither a file, a directory nor a link`);
  if (stats.nlink > 1) names.set(key, target);
  takeOver(target, stats);
}

function copyDirectory(source: Buffer, target: Buffer, names: Map<string, Buffer>): void {
  mkdirSync(target, { mode: 0o700 });
  for (const name of readdirSync(source, { encoding: "buffer" })) {
    copyEntry(Buffer.concat([source, SLASH, name]), Buffer.concat([target, SLASH, name]), names);
  }
}

function takeOver(target: Buffer, stats: Stats): void {
  if (process.geteuid?.() === 0) lchownSync(target, stats.uid, stats.gid);
  if (!stats.isSymbolicLink()) chmodSync(target, stats.mode & PERMISSIONS);
  lutimesSync(target, stats.atime, stats.mtime);
}
