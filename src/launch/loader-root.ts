// Makes a tree ready for a server that reaches it by this machine's paths: this run's alone, its links leading to where
// they are meant to, within reach of the server's user, and on a file system that programs may be started from.

import { accessSync, chmodSync, constants, lchownSync, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { RunnerError, reasonOf } from "../errors.ts";
import { diskError } from "../system/disk-error.ts";
import { copyTree } from "./copy-tree.ts";
import { directoryIn } from "./furnish-root.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { loaderRoot } from "./loader-plan.ts";
import type { Identity } from "./ownership.ts";
import type { Notes } from "./private-root.ts";
import { relocateTree } from "./relocate-tree.ts";
import { prepareHome, prepareWorkingDirectory } from "./working-directory.ts";

/**
 * Prepares the tree that a loader's plan was made for. Throws RUN_MODE_UNAVAILABLE where the server could not start
 * from there, WORKDIR_UNUSABLE, DISK_FULL, DISK_UNWRITABLE.
 */
export async function openLoaderRoot(plan: LaunchPlan, notes: Notes): Promise<void> {
  const root = loaderRoot(plan);
  try {
    if (plan.scratch !== undefined) {
      notes.onChoice("the server gets a copy of the cached tree, because it could write to it");
      await copyTree(Buffer.from(plan.root), Buffer.from(root));
    }
    relocateTree(root, plan.identity);
    furnish(root, plan, notes);
  } catch (cause) {
    if (cause instanceof RunnerError) throw cause;
    const message = `the image's files cannot be made ready in ${root}: ${reasonOf(cause)}`;
    throw diskError(cause, { full: message, unwritable: message, stage: "execute" });
  }
  if (plan.drop) letThrough(root, plan.identity);
  requireExecution(plan.program);
}

function furnish(root: string, { relocated, identity }: LaunchPlan, notes: Notes): void {
  const tmp = directoryIn(root, "/tmp");
  if (tmp !== undefined) chmodSync(tmp, 0o1777);
  if (relocated === undefined) return;
  const owner = { identity, owns: () => true };
  prepareWorkingDirectory(root, relocated.workingDirectory, owner);
  const homeless = prepareHome(root, relocated.home, owner);
  if (homeless !== undefined) notes.onLack(homeless);
}

// The run's own directory is root's and closed. The server's group may pass through it from here on, and not list it;
// what lies above is not this run's to open.
function letThrough(root: string, identity: Identity): void {
  const directory = dirname(root);
  lchownSync(directory, process.geteuid?.() ?? 0, identity.gid);
  chmodSync(directory, 0o710);
  for (let path = realpathSync(root); path !== "/"; path = dirname(path)) {
    if (mayPass(path, identity)) continue;
    throw new RunnerError(
      "RUN_MODE_UNAVAILABLE",
      `run mode loader cannot start this server: user ${identity.uid} may not pass through ${path}`,
      { hint: "Set WORK_DIR to a directory whose parents that user may pass through (chmod a+x)." },
    );
  }
}

function mayPass(path: string, identity: Identity): boolean {
  const { uid, gid, mode } = statSync(path);
  if (uid === identity.uid) return (mode & 0o100) !== 0;
  return (mode & (gid === identity.gid ? 0o010 : 0o001)) !== 0;
}

// A mount with noexec refuses this for a file that has the permission, which was looked at before.
function requireExecution(program: string): void {
  try {
    accessSync(program, constants.X_OK);
  } catch (cause) {
    throw new RunnerError(
      "RUN_MODE_UNAVAILABLE",
      `no program can be started from ${dirname(program)}: its file system is mounted noexec (${reasonOf(cause)})`,
      {
        cause,
        hint: "Set WORK_DIR to a directory on a file system that is mounted without noexec.",
      },
    );
  }
}
