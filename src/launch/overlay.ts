// Carries out an overlay plan: moves the safe paths of a staged tree to the runner's own root, into what is there
// and never over it. The runner's own files keep their content, owner and mode.

import { chmodSync, lstatSync, mkdirSync, readdirSync, renameSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { reasonOf, type RunnerError } from "../errors.ts";
import { diskError, errnoOf, isNotAllowed } from "../system/disk-error.ts";
import { copyTree } from "./copy-tree.ts";
import type { LeftOut, OverlayPlan } from "./overlay-plan.ts";
import { giveTree, type Identity, sizeOf, type TreeSize } from "./ownership.ts";
import { hostPathOf } from "./root-view.ts";

export interface OverlayReport {
  /** The safe paths that moved, with their sizes in the image. */
  readonly kept: readonly (TreeSize & { readonly path: string })[];
  /** Whole safe paths and single entries that stayed behind. Their names come from the image: print them with care. */
  readonly leftOut: readonly LeftOut[];
  /** Everything that moved as one, as this machine names it. */
  readonly placed: readonly Buffer[];
}

const SLASH = Buffer.from("/");
const OWNER_ALL = 0o700;
const PERMISSIONS = 0o7777;

/**
 * Moves what the plan says, given to `owner` first. A tree that others use as well is theirs already: it is copied, and
 * stays as it is. Throws DISK_FULL, DISK_UNWRITABLE.
 */
export async function applyOverlay(
  plan: OverlayPlan,
  owner: Identity,
  { shared }: { readonly shared: boolean },
): Promise<OverlayReport> {
  const kept: OverlayReport["kept"][number][] = [];
  const leftOut: LeftOut[] = [...plan.leftOut];
  const placed: Buffer[] = [];
  const start = plan.runtimeRoot === "/" ? 0 : plan.runtimeRoot.length;
  const outcome: Outcome = {
    shared,
    leaveOut: (target, why) => leftOut.push({ path: target.toString().slice(start), why }),
    place: (target) => placed.push(target),
  };
  for (const path of plan.moved) {
    const source = hostPathOf(plan.staged, path);
    const target = hostPathOf(plan.runtimeRoot, path);
    kept.push({ path, ...(shared ? sizeOf(source) : giveTree(source, owner)) });
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    await moveInto(Buffer.from(source), Buffer.from(target), outcome);
  }
  return { kept, leftOut, placed };
}

interface Outcome {
  readonly shared: boolean;
  leaveOut(unsafeTarget: Buffer, why: string): void;
  place(target: Buffer): void;
}

async function moveInto(source: Buffer, target: Buffer, outcome: Outcome): Promise<void> {
  const existing = lstatSync(target, { throwIfNoEntry: false });
  if (existing === undefined) return move(source, target, outcome);
  const stats = lstatSync(source);
  if (!existing.isDirectory() || !stats.isDirectory()) {
    return outcome.leaveOut(target, "exists already");
  }
  for (const name of readdirSync(source, { encoding: "buffer" })) {
    await moveInto(below(source, name), below(target, name), outcome);
  }
}

async function move(source: Buffer, target: Buffer, outcome: Outcome): Promise<void> {
  try {
    if (outcome.shared || !couldRename(source, target)) await copyTree(source, target);
    outcome.place(target);
  } catch (error) {
    if (!isNotAllowed(error)) throw moveFailure(error);
    outcome.leaveOut(target, "may not be written by this user");
  }
}

// False across file systems. A directory that changes its parent must be writable itself, which an image's 0555
// directory is not to its owner.
function couldRename(source: Buffer, target: Buffer): boolean {
  const stats = lstatSync(source);
  const locked = stats.isDirectory() && (stats.mode & OWNER_ALL) !== OWNER_ALL;
  if (locked) chmodSync(source, (stats.mode & PERMISSIONS) | OWNER_ALL);
  try {
    renameSync(source, target);
    return true;
  } catch (error) {
    if (errnoOf(error) !== "EXDEV") throw error;
    return false;
  } finally {
    if (locked) restoreMode(target, source, stats);
  }
}

function restoreMode(target: Buffer, source: Buffer, stats: Stats): void {
  const moved = lstatSync(source, { throwIfNoEntry: false }) === undefined;
  chmodSync(moved ? target : source, stats.mode & PERMISSIONS);
}

function moveFailure(cause: unknown): RunnerError {
  return diskError(cause, {
    full: "there is no room left for the image's files",
    unwritable: `the image's files cannot be moved: ${reasonOf(cause)}`,
    stage: "extract",
  });
}

function below(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, SLASH, name]);
}
