// Which safe paths of an image may move to the runner's own root, decided before anything moves, and the view of
// the root as it will be then. Changes nothing.

import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { isWritable } from "../system/private-directory.ts";
import { hostPathOf, locateBelow, type Entry, type RootView } from "./root-view.ts";
import { expandSafePaths } from "./safe-paths.ts";

export interface OverlayPlan {
  /** The tree that the image was extracted to. */
  readonly staged: string;
  readonly runtimeRoot: string;
  /** Safe paths that the image has and that may go to their place. */
  readonly moved: readonly string[];
  readonly leftOut: readonly LeftOut[];
}

export interface LeftOut {
  readonly path: string;
  /** The end of a sentence: "/opt is left out because it ...". */
  readonly why: string;
}

/** Decides for every safe path that a staged tree has. */
export function planOverlay(staged: string, runtimeRoot = "/"): OverlayPlan {
  const moved: string[] = [];
  const leftOut: LeftOut[] = [];
  for (const path of expandSafePaths((directory) => directoriesIn(staged, directory))) {
    const inImage = walk(staged, path);
    if (inImage.kind === "missing" || inImage.kind === "blocked") continue;
    const why =
      inImage.kind === "link"
        ? `is reached through a link in the image (${inImage.path})`
        : obstacle(runtimeRoot, path);
    if (why === undefined) moved.push(path);
    else leftOut.push({ path, why });
  }
  return { staged, runtimeRoot, moved, leftOut };
}

/** The runner's root as it will be once the plan is carried out. What the root already has wins, as it will then. */
export function overlayRootView(plan: OverlayPlan): RootView {
  const writable = new Map<string, boolean>();
  return {
    locate(path) {
      const own = locateBelow(plan.runtimeRoot, path, "runner");
      if (own !== undefined || !isBelowAny(plan.moved, path)) return own;
      const staged = locateBelow(plan.staged, path, "image");
      return staged !== undefined && lands(plan.runtimeRoot, path, writable) ? staged : undefined;
    },
  };
}

/** Whether a path is one of these or below one. */
function isBelowAny(paths: readonly string[], path: string): boolean {
  return paths.some((parent) => path === parent || path.startsWith(`${parent}/`));
}

// The path goes where the first directory above it that the root has may be written.
function lands(runtimeRoot: string, path: string, known: Map<string, boolean>): boolean {
  const parent = dirname(path);
  const answer = known.get(parent);
  if (answer !== undefined) return answer;
  const own = locateBelow(runtimeRoot, parent, "runner");
  const result =
    own === undefined
      ? lands(runtimeRoot, parent, known)
      : own.stats.isDirectory() && isWritable(own.hostPath);
  known.set(parent, result);
  return result;
}

function obstacle(runtimeRoot: string, path: string): string | undefined {
  const place = walk(runtimeRoot, path);
  if (place.kind === "link")
    return `is reached through a link on the runner's root (${place.path})`;
  if (place.kind === "blocked") return `would lie below ${place.path}, which is not a directory`;
  if (place.kind === "found" && place.entry.stats.isDirectory()) return undefined;
  if (place.kind === "found") return "exists already and is not a directory";
  return isWritable(place.parent.hostPath) ? undefined : "may not be written by this user";
}

type Place =
  | { readonly kind: "found"; readonly entry: Entry }
  | { readonly kind: "missing"; readonly parent: Entry }
  | { readonly kind: "link"; readonly path: string }
  | { readonly kind: "blocked"; readonly path: string };

// A link anywhere on the way would lead a safe path to an unsafe place, so no link is followed at all.
function walk(root: string, path: string): Place {
  let entry = locateBelow(root, "/", "runner");
  const names = path.split("/").slice(1);
  for (const index of names.keys()) {
    if (entry === undefined) break;
    if (!entry.stats.isDirectory()) return { kind: "blocked", path: entry.path };
    const next = locateBelow(root, `/${names.slice(0, index + 1).join("/")}`, "runner");
    if (next === undefined) return { kind: "missing", parent: entry };
    if (next.stats.isSymbolicLink()) return { kind: "link", path: next.path };
    entry = next;
  }
  return entry === undefined ? { kind: "blocked", path: "/" } : { kind: "found", entry };
}

function directoriesIn(staged: string, directory: string): string[] {
  if (walk(staged, directory).kind !== "found") return [];
  try {
    return readdirSync(hostPathOf(staged, directory));
  } catch {
    return [];
  }
}
