// The server's working directory and its home: resolved inside its root, created where they are missing.

import { lchownSync, mkdirSync } from "node:fs";
import { posix } from "node:path";
import { RunnerError, printable, reasonOf } from "../errors.ts";
import { changeIn } from "./owned-directory.ts";
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
  try {
    create(root, path, missing, owner);
  } catch (error) {
    throw unusable(unsafePath, `it cannot be created: ${reasonOf(error)}`, error);
  }
  return path;
}

/**
 * Creates the directory that HOME names where it is missing: an image's passwd file often tells of homes that nobody
 * has made, and programs take theirs for granted. Returns what stands in the way, as a sentence. What is no absolute
 * path, or something else than a directory, is as the image wants it.
 */
export function prepareHome(
  root: string,
  unsafeHome: string,
  owner: WorkingDirectoryOwner,
): string | undefined {
  if (!unsafeHome.startsWith("/")) return undefined;
  const resolution = resolveIn(privateRootView(root), unsafeHome);
  if (resolution.kind !== "missing" || isKernels(resolution.path)) return undefined;
  try {
    create(root, resolution.path, resolution.missing, owner);
    return undefined;
  } catch (error) {
    return `HOME is ${printable(unsafeHome)}, which does not exist and cannot be created: ${printable(reasonOf(error))}`;
  }
}

/** The directory's name without links, and how many names at its end do not exist yet. Throws WORKDIR_UNUSABLE. */
export function resolveWorkingDirectory(
  root: string,
  unsafePath: string,
): { readonly path: string; readonly missing: number } {
  const resolution = resolveIn(privateRootView(root), unsafePath);
  const path = pathOf(resolution, unsafePath);
  if (isKernels(path)) {
    throw unusable(unsafePath, "it leads into the kernel's own file systems");
  }
  return { path, missing: resolution.kind === "missing" ? resolution.missing : 0 };
}

function isKernels(path: string): boolean {
  return KERNEL_TREES.some((tree) => path === tree || path.startsWith(`${tree}/`));
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
  { identity, owns }: WorkingDirectoryOwner,
): void {
  const names = path.split("/").slice(1);
  let given = false;
  for (let index = names.length - missing; index < names.length; index += 1) {
    const name = posix.join("/", ...names.slice(0, index + 1));
    const directory = hostPathOf(root, name);
    changeIn(posix.dirname(directory), () => mkdirSync(directory, { mode: 0o755 }));
    given ||= owns(name);
    if (given && process.geteuid?.() === 0) lchownSync(directory, identity.uid, identity.gid);
  }
}

function unusable(unsafePath: string, why: string, cause?: unknown): RunnerError {
  return new RunnerError(
    "WORKDIR_UNUSABLE",
    `the working directory ${printable(unsafePath)} cannot be used: ${printable(why)}`,
    { cause },
  );
}
