// One root for all processes of a server that the runner serves: made ready before the first of them, so that none
// changes what another is using, and all see each other's files. Starts nothing.

import type { LaunchPlan } from "./launch-plan.ts";
import { openLoaderRoot } from "./loader-root.ts";
import { furnish, type Notes, openPrivateRoot } from "./private-root.ts";
import { openForTracer } from "./proot.ts";

/** Disposing it, after the last process, leaves nothing mounted. */
export interface SharedRoot extends Disposable {
  /** For each process. */
  readonly plan: LaunchPlan;
}

/**
 * Makes a plan's root ready for several processes at once. May take long: a tree may have to be copied. Throws
 * RUN_MODE_UNAVAILABLE, WORKDIR_UNUSABLE, DISK_FULL, DISK_UNWRITABLE.
 */
export async function shareRoot(plan: LaunchPlan, notes: Notes): Promise<SharedRoot> {
  switch (plan.mode) {
    case "overlay":
    case "baked":
      return { plan, [Symbol.dispose]: () => {} };
    case "loader":
      await openLoaderRoot(plan, notes);
      return { plan: { ...plan, ready: true }, [Symbol.dispose]: () => {} };
    case "chroot":
    case "userns":
    case "proot":
      return await sharePrivateRoot(plan, notes);
  }
}

async function sharePrivateRoot(plan: LaunchPlan, notes: Notes): Promise<SharedRoot> {
  const { scratch, ...own } = plan;
  // A process that mounts something in a namespace of its own is alone with it.
  const why = plan.mode === "chroot" ? undefined : "several processes share it";
  const opened = scratch === undefined ? undefined : await openPrivateRoot(plan, notes, why);
  const root = opened?.path ?? plan.root;
  furnish(root);
  if (plan.mode === "proot") openForTracer(root, plan.identity);
  return {
    plan: { ...own, root, ready: true },
    [Symbol.dispose]: () => opened?.[Symbol.dispose](),
  };
}
