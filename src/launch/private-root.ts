// Makes a private root this process's own: with a place for the server's changes where the tree is shared, and with
// the kernel's trees mounted in it where that is allowed. Everything that needs the runner's own files must have
// happened before it is entered: they are out of sight afterwards.

import { join } from "node:path";
import { reasonOf } from "../errors.ts";
import { onExit } from "../system/cleanup.ts";
import { diskError } from "../system/disk-error.ts";
import { mountLayered } from "../system/layered-tree.ts";
import {
  MS_BIND,
  MS_PRIVATE,
  MS_REC,
  chroot,
  detach,
  mount,
  pivotRootHere,
  unshareMounts,
} from "../system/namespace.ts";
import { copyTree } from "./copy-tree.ts";
import { makeDevices } from "./devices.ts";
import { furnishRoot, type MountPoint } from "./furnish-root.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { prepareHome, prepareWorkingDirectory } from "./working-directory.ts";

/** Told, in whole sentences, what was chosen and what the server has to do without. */
export interface Notes {
  readonly onChoice: (note: string) => void;
  readonly onLack: (note: string) => void;
}

/** A root that is this run's alone. Disposing it, unless it has been entered, leaves nothing mounted. */
export interface PrivateRoot extends Disposable {
  readonly path: string;
  /** This thread has a mount namespace of its own. */
  readonly mounts: boolean;
}

/**
 * Makes the plan's root one that the server may write to; nothing is mounted where there is a reason against it, which
 * is the end of a sentence. May take long: a tree may have to be copied. Throws DISK_FULL, DISK_UNWRITABLE,
 * WORKDIR_UNUSABLE.
 */
export async function openPrivateRoot(
  plan: LaunchPlan,
  notes: Notes,
  whyNotMount?: string,
): Promise<PrivateRoot> {
  const mounts = whyNotMount === undefined && hasOwnMounts(notes);
  const { root, scratch, workingDirectory, identity, environment } = plan;
  if (scratch === undefined) return { path: root, mounts, [Symbol.dispose]: () => {} };
  const opened = mounts ? tryLayers(root, scratch) : { why: whyNotMount ?? NO_MOUNTS };
  if ("why" in opened) notes.onChoice(`the server gets a copy of the cached tree: ${opened.why}`);
  else notes.onChoice("the server's changes are laid over the cached tree by overlayfs");
  const path = "why" in opened ? await copyOf(root, scratch) : opened.path;
  try {
    const owner = { identity, owns: () => true };
    prepareWorkingDirectory(path, workingDirectory, owner);
    const homeless = prepareHome(path, environment["HOME"] ?? "", owner);
    if (homeless !== undefined) notes.onLack(homeless);
  } catch (error) {
    if ("path" in opened) opened[Symbol.dispose]();
    throw error;
  }
  return { path, mounts, [Symbol.dispose]: () => "path" in opened && opened[Symbol.dispose]() };
}

/** Why nothing is mounted, where no better reason is known. */
export const NO_MOUNTS = "nothing can be mounted here";

/** Gives a root what the image lacks and returns where the kernel's trees go. Throws DISK_FULL, DISK_UNWRITABLE. */
export function furnish(root: string): readonly MountPoint[] {
  try {
    return furnishRoot(root);
  } catch (cause) {
    const message = `the image's root cannot be furnished: ${reasonOf(cause)}`;
    throw diskError(cause, { full: message, unwritable: message, stage: "execute" });
  }
}

/** Enters a root for good. Throws DISK_FULL, DISK_UNWRITABLE, SYSTEM_CALL_FAILED. */
export function enterPrivateRoot({ path, mounts }: PrivateRoot, notes: Notes): void {
  const mountPoints = furnish(path);
  // The root as a mount, which pivot_root wants.
  if (mounts && bind({ source: path, target: path }, notes)) {
    for (const point of mountPoints) bind(point, notes);
    switchRoot(path);
    return;
  }
  const dev = mountPoints.find(({ source }) => source === "/dev");
  const problem = dev === undefined ? "there is no /dev" : makeDevices(dev.target);
  if (problem !== undefined) notes.onLack(problem);
  chroot(path);
  process.chdir("/");
}

// A namespace where nothing that is mounted reaches anybody else.
function hasOwnMounts(notes: Notes): boolean {
  try {
    unshareMounts();
    mount({ source: "none", target: "/", flags: MS_REC | MS_PRIVATE });
    return true;
  } catch (error) {
    notes.onLack(`/proc and /sys are not mounted: ${reasonOf(error)}`);
    return false;
  }
}

// The launch itself is the proof: whether the kernel is new enough, whether the file system can hold the changes and
// whether a security module objects is known to nobody else.
function tryLayers(
  tree: string,
  scratch: string,
): ({ readonly path: string } & Disposable) | { readonly why: string } {
  try {
    const path = mountLayered(tree, scratch);
    // Before the run's directory is removed: on a signal as well, and not through the mount.
    const removal = onExit(() => unmount(path));
    return { path, [Symbol.dispose]: () => removal[Symbol.dispose]() };
  } catch (error) {
    return { why: reasonOf(error) };
  }
}

async function copyOf(tree: string, scratch: string): Promise<string> {
  const path = join(scratch, "copy");
  try {
    await copyTree(Buffer.from(tree), Buffer.from(path));
  } catch (cause) {
    throw diskError(cause, {
      full: `there is no room left for a copy of the image's files in ${scratch}`,
      unwritable: `the image's files cannot be copied to ${scratch}: ${reasonOf(cause)}`,
      stage: "execute",
    });
  }
  return path;
}

function unmount(path: string): void {
  try {
    detach(path);
  } catch {
    // It was entered, and the name is another's now.
  }
}

// Bound rather than mounted anew, so that whatever the runner's own surroundings hide in them stays hidden.
function bind({ source, target }: MountPoint, notes: Notes): boolean {
  try {
    mount({ source, target, flags: MS_BIND | MS_REC });
    return true;
  } catch (error) {
    notes.onLack(`${source} is not mounted: ${reasonOf(error)}`);
    return false;
  }
}

// pivot_root takes the old root away; where the kernel does not allow it (an initramfs), chroot hides it.
function switchRoot(root: string): void {
  process.chdir(root);
  try {
    pivotRootHere();
  } catch {
    chroot(".");
    process.chdir("/");
    return;
  }
  detach(".");
  process.chdir("/");
}
