// Makes a tree ready for a server that reaches it by this machine's paths: this run's alone, its links leading to where
// they are meant to, within reach of the server's user, and on a file system that programs may be started from.

import { accessSync, chmodSync, constants } from "node:fs";
import { dirname } from "node:path";
import { RunnerError, reasonOf } from "../errors.ts";
import { diskError } from "../system/disk-error.ts";
import { copyTree } from "./copy-tree.ts";
import { giveLoader } from "./elf-patch.ts";
import { directoryIn } from "./furnish-root.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { loaderRoot } from "./loader-plan.ts";
import { openWay } from "./open-way.ts";
import type { Notes } from "./private-root.ts";
import { relocateTree } from "./relocate-tree.ts";
import { hostPathOf } from "./root-view.ts";
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
    const own = plan.relocated?.ownLoader;
    if (own !== undefined) giveLoader(hostPathOf(root, own.path), own);
    furnish(root, plan, notes);
  } catch (cause) {
    if (cause instanceof RunnerError) throw cause;
    const message = `the image's files cannot be made ready in ${root}: ${reasonOf(cause)}`;
    throw diskError(cause, { full: message, unwritable: message, stage: "execute" });
  }
  if (plan.drop) openWay(root, plan.identity);
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
