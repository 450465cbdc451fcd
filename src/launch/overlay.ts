// Carries out an overlay plan: moves the safe paths of a staged tree to the runner's own root, into what is there
// and never over it. The runner's own files keep their content, owner and mode.

import { chmodSync, lstatSync, mkdirSync, readdirSync, renameSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { reasonOf, type RunnerError } from "../errors.ts";
import { diskError, errnoOf, isNotAllowed } from "../system/disk-error.ts";
import { copyTree } from "./copy-tree.ts";
import type { LeftOut, OverlayPlan } from "./overlay-plan.ts";
import { giveTree, type Identity, type TreeSize } from "./ownership.ts";
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

/** Moves what the plan says, given to `owner` first. Throws DISK_FULL, DISK_UNWRITABLE. */
export function applyOverlay(plan: OverlayPlan, owner: Identity): OverlayReport {
  const leftOut: LeftOut[] = [...plan.leftOut];
  const placed: Buffer[] = [];
  const kept = plan.moved.map((path) => {
    const source = hostPathOf(plan.staged, path);
    const target = hostPathOf(plan.runtimeRoot, path);
    const size = giveTree(source, owner);
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    moveInto(Buffer.from(source), Buffer.from(target), {
      leaveOut(unsafeTarget, why) {
        const start = plan.runtimeRoot === "/" ? 0 : plan.runtimeRoot.length;
        leftOut.push({ path: unsafeTarget.toString().slice(start), why });
      },
      place: (moved) => placed.push(moved),
    });
    return { path, ...size };
  });
  return { kept, leftOut, placed };
}

interface Outcome {
  leaveOut(unsafeTarget: Buffer, why: string): void;
  place(target: Buffer): void;
}

function moveInto(source: Buffer, target: Buffer, outcome: Outcome): void {
  const existing = lstatSync(target, { throwIfNoEntry: false });
  if (existing === undefined) return move(source, target, outcome);
  const stats = lstatSync(source);
  if (!existing.isDirectory() || !stats.isDirectory()) {
    return outcome.leaveOut(target, "exists already");
  }
  for (const name of readdirSync(source, { encoding: "buffer" })) {
    moveInto(Buffer.concat([source, SLASH, name]), Buffer.concat([target, SLASH, name]), outcome);
  }
}

function move(source: Buffer, target: Buffer, outcome: Outcome): void {
  const stats = lstatSync(source);
  try {
    rename(source, target, stats);
    outcome.place(target);
  } catch (error) {
    if (errnoOf(error) === "EXDEV") return copy(source, target, outcome);
    if (isNotAllowed(error)) return outcome.leaveOut(target, "may not be written by this user");
    throw moveFailure(error);
  }
}

// A directory that changes its parent must be writable itself, which an image's 0555 directory is not to its owner.
function rename(source: Buffer, target: Buffer, stats: Stats): void {
  const locked = stats.isDirectory() && (stats.mode & OWNER_ALL) !== OWNER_ALL;
  if (locked) chmodSync(source, (stats.mode & PERMISSIONS) | OWNER_ALL);
  try {
    renameSync(source, target);
  } finally {
    if (locked) restoreMode(target, source, stats);
  }
}

function restoreMode(target: Buffer, source: Buffer, stats: Stats): void {
  const moved = lstatSync(source, { throwIfNoEntry: false }) === undefined;
  chmodSync(moved ? target : source, stats.mode & PERMISSIONS);
}

function copy(source: Buffer, target: Buffer, outcome: Outcome): void {
  try {
    copyTree(source, target);
    outcome.place(target);
  } catch (error) {
    if (!isNotAllowed(error)) throw moveFailure(error);
    outcome.leaveOut(target, "may not be written by this user");
  }
}

function moveFailure(cause: unknown): RunnerError {
  return diskError(cause, {
    full: "there is no room left for the image's files",
    unwritable: `the image's files cannot be moved: ${reasonOf(cause)}`,
    stage: "extract",
  });
}
