// Makes a private root this process's own, with the kernel's trees mounted in it where that is allowed. Everything
// that needs the runner's own files must have happened before: they are out of sight afterwards.

import { reasonOf } from "../errors.ts";
import { diskError } from "../system/disk-error.ts";
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
import { makeDevices } from "./devices.ts";
import { furnishRoot, type MountPoint } from "./furnish-root.ts";

/**
 * Enters a root for good. Returns what had to be done without, a sentence each. Throws DISK_FULL, DISK_UNWRITABLE,
 * SYSTEM_CALL_FAILED.
 */
export function enterPrivateRoot(root: string): string[] {
  const notes: string[] = [];
  const mountPoints = furnished(root);
  if (hasOwnMounts(root, notes)) {
    for (const point of mountPoints) bind(point, notes);
    switchRoot(root);
    return notes;
  }
  const dev = mountPoints.find(({ source }) => source === "/dev");
  const problem = dev === undefined ? "there is no /dev" : makeDevices(dev.target);
  chroot(root);
  process.chdir("/");
  return problem === undefined ? notes : [...notes, problem];
}

function furnished(root: string): MountPoint[] {
  try {
    return furnishRoot(root);
  } catch (cause) {
    const message = `the image's root cannot be furnished: ${reasonOf(cause)}`;
    throw diskError(cause, { full: message, unwritable: message, stage: "execute" });
  }
}

// A namespace where nothing that is mounted reaches anybody else, and the root as a mount in it, which pivot_root wants.
function hasOwnMounts(root: string, notes: string[]): boolean {
  try {
    unshareMounts();
    mount({ source: "none", target: "/", flags: MS_REC | MS_PRIVATE });
    mount({ source: root, target: root, flags: MS_BIND | MS_REC });
    return true;
  } catch (error) {
    notes.push(`/proc and /sys are not mounted: ${reasonOf(error)}`);
    return false;
  }
}

// Bound rather than mounted anew, so that whatever the runner's own surroundings hide in them stays hidden.
function bind({ source, target }: MountPoint, notes: string[]): void {
  try {
    mount({ source, target, flags: MS_BIND | MS_REC });
  } catch (error) {
    notes.push(`${source} is not mounted: ${reasonOf(error)}`);
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
