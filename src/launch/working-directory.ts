// The server's working directory: resolved inside its root, created where it is missing.

import { lchownSync, mkdirSync } from "node:fs";
import { posix } from "node:path";
import { RunnerError, printable, reasonOf } from "../errors.ts";
import type { Identity } from "./ownership.ts";
import { hostPathOf, privateRootView, resolveIn, type Resolution } from "./root-view.ts";

// A working directory of /proc/self/fd/7 once led out of its container; the kernel's own trees hold nobody's work.
// https://github.com/opencontainers/runc/security/advisories/GHSA-xr7r-f8xq-vfvv
const KERNEL_TREES = ["/proc", "/sys", "/dev"];

export interface WorkingDirectoryOwner {
  readonly identity: Identity;
  /** Whether a directory that has to be created is the server's, and with it all that is created below. */
  readonly owns: (path: string) => boolean;
}

/**
 * Returns the directory's name without links, after creating what is missing. `root` is the private root, or "/" in
 * overlay. Throws WORKDIR_UNUSABLE.
 */
export function prepareWorkingDirectory(
  root: string,
  unsafePath: string,
  owner: WorkingDirectoryOwner,
): string {
  const { path, missing } = resolveWorkingDirectory(root, unsafePath);
  if (missing > 0) create(root, path, missing, { unsafePath, owner });
  return path;
}

/** The directory's name without links, and how many names at its end do not exist yet. Throws WORKDIR_UNUSABLE. */
export function resolveWorkingDirectory(
  root: string,
  unsafePath: string,
): { readonly path: string; readonly missing: number } {
  const resolution = resolveIn(privateRootView(root), unsafePath);
  const path = pathOf(resolution, unsafePath);
  if (KERNEL_TREES.some((tree) => path === tree || path.startsWith(`${tree}/`))) {
    throw unusable(unsafePath, "it leads into the kernel's own file systems");
  }
  return { path, missing: resolution.kind === "missing" ? resolution.missing : 0 };
}

function pathOf(resolution: Resolution, unsafePath: string): string {
  switch (resolution.kind) {
    case "found":
      if (resolution.entry.stats.isDirectory()) return resolution.entry.path;
      throw unusable(unsafePath, "it is not a directory");
    case "missing":
      return resolution.path;
    case "not-a-directory":
      throw unusable(unsafePath, `${resolution.path} is not a directory`);
    case "loop":
      throw unusable(unsafePath, `${resolution.path} is a loop of links`);
  }
}

function create(
  root: string,
  path: string,
  missing: number,
  { unsafePath, owner }: { readonly unsafePath: string; readonly owner: WorkingDirectoryOwner },
): void {
  const names = path.split("/").slice(1);
  const { uid, gid } = owner.identity;
  let given = false;
  try {
    for (let index = names.length - missing; index < names.length; index += 1) {
      const name = posix.join("/", ...names.slice(0, index + 1));
      const directory = hostPathOf(root, name);
      mkdirSync(directory, { mode: 0o755 });
      given ||= owner.owns(name);
      if (given && process.geteuid?.() === 0) lchownSync(directory, uid, gid);
    }
  } catch (error) {
    throw unusable(unsafePath, `it cannot be created: ${reasonOf(error)}`, error);
  }
}

function unusable(unsafePath: string, why: string, cause?: unknown): RunnerError {
  return new RunnerError(
    "WORKDIR_UNUSABLE",
    `the working directory ${printable(unsafePath)} cannot be used: ${printable(why)}`,
    { cause },
  );
}
