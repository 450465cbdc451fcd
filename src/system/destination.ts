// A directory that somebody asked to have filled: empty or absent before, complete or as it was afterwards.

import { existsSync, lstatSync, readdirSync, renameSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { RunnerError, reasonOf } from "../errors.ts";
import { isWritable, type PrivateDirectory, privateDirectory } from "./private-directory.ts";

export interface Destination {
  readonly path: string;
  /** Where to build what goes there: private, on the same file system, gone on any way out. */
  readonly staging: PrivateDirectory;
  /** Puts a finished tree of the staging directory in place. */
  commit(tree: string): void;
}

/** Throws DESTINATION_UNUSABLE. */
export function openDestination(unsafePath: string): Destination {
  const path = resolve(unsafePath);
  const parent = dirname(path);
  const exists = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  if (exists) requireEmptyDirectory(path);
  else if (!existsSync(parent))
    refuse(`${parent} does not exist, so ${path} cannot be created in it`);
  // A mount point cannot be replaced by renaming, and its parent is another file system: what goes there is built
  // inside and moved up.
  const inside = exists && (statSync(path).dev !== statSync(parent).dev || !isWritable(parent));
  const home = inside ? path : parent;
  if (!isWritable(home)) refuse(`${home} may not be written by this user`);
  const staging = privateDirectory(home, `.${basename(path)}-`);
  const commit = (tree: string) => {
    try {
      if (inside) moveUp(tree, path);
      else renameSync(tree, path);
    } catch (cause) {
      refuse(`${path} has changed while the image was pulled: ${reasonOf(cause)}`, cause);
    }
  };
  return { path, staging, commit };
}

function moveUp(tree: string, path: string): void {
  const slash = Buffer.from("/");
  for (const name of readdirSync(tree, { encoding: "buffer" })) {
    renameSync(
      Buffer.concat([Buffer.from(tree), slash, name]),
      Buffer.concat([Buffer.from(path), slash, name]),
    );
  }
}

function requireEmptyDirectory(path: string): void {
  if (!lstatSync(path).isDirectory()) refuse(`${path} exists and is not a directory`);
  const [first] = readdirSync(path);
  if (first !== undefined) refuse(`${path} is not empty: it holds ${join(path, first)}`);
}

function refuse(message: string, cause?: unknown): never {
  throw new RunnerError("DESTINATION_UNUSABLE", message, { cause });
}
