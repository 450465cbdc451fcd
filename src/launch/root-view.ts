// Names inside a root directory, followed the way a process with that root would follow them. A link that an image
// has made leads to another place in the same root, never out of it. Changes nothing.

import { lstatSync, readFileSync, readlinkSync, type Stats } from "node:fs";

/** Something that exists under a name that holds no link. */
export interface Entry {
  /** Its name inside the root: absolute, without links, "." or "..". */
  readonly path: string;
  /** Where this machine has it. */
  readonly hostPath: string;
  readonly stats: Stats;
  /** Whose file it is: the image's, or one that the runner's own root had before. */
  readonly origin: "image" | "runner";
}

/** A root to look into: an image's private one, or the runner's with the image's safe paths laid over it. */
export interface RootView {
  /** What is at a name that holds no link, itself not followed. */
  locate(path: string): Entry | undefined;
}

export type Resolution =
  | { readonly kind: "found"; readonly entry: Entry }
  /** `path` is where it would be: everything before its last `missing` names exists and is a directory. */
  | { readonly kind: "missing"; readonly path: string; readonly missing: number }
  | { readonly kind: "not-a-directory"; readonly path: string }
  | { readonly kind: "loop"; readonly path: string };

// As many links as Linux follows in one name.
const MAX_LINKS = 40;

/** A view of a tree that belongs to an image alone. */
export function privateRootView(directory: string): RootView {
  return { locate: (path) => locateBelow(directory, path, "image") };
}

/** A view of the runner's own root, with whatever has been moved to it. */
export function ownRootView(directory = "/"): RootView {
  return { locate: (path) => locateBelow(directory, path, "runner") };
}

/** What exists at `path` below a directory of this machine. */
export function locateBelow(
  directory: string,
  path: string,
  origin: Entry["origin"],
): Entry | undefined {
  const hostPath = hostPathOf(directory, path);
  try {
    const stats = lstatSync(hostPath, { throwIfNoEntry: false });
    return stats === undefined ? undefined : { path, hostPath, stats, origin };
  } catch {
    // A name too long, or below a directory that may not be searched: for a process it does not exist either.
    return undefined;
  }
}

/** The name on this machine of a name inside a root. */
export function hostPathOf(directory: string, path: string): string {
  return directory === "/" ? path : `${directory}${path === "/" ? "" : path}`;
}

/** Follows a name from the root of a view, component by component, links included. */
export function resolveIn(view: RootView, unsafePath: string): Resolution {
  const pending = components(unsafePath).reverse();
  const walked: string[] = [];
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "..") {
      walked.pop();
      continue;
    }
    const path = `/${[...walked, name].join("/")}`;
    const entry = view.locate(path);
    if (entry === undefined) return missing(walked, [name, ...pending.reverse()]);
    if (entry.stats.isSymbolicLink()) {
      links += 1;
      if (links > MAX_LINKS) return { kind: "loop", path };
      const unsafeTarget = readlinkSync(entry.hostPath);
      if (unsafeTarget.startsWith("/")) walked.length = 0;
      pending.push(...components(unsafeTarget).reverse());
      continue;
    }
    if (pending.length > 0 && !entry.stats.isDirectory()) return { kind: "not-a-directory", path };
    walked.push(name);
  }
  const path = `/${walked.join("/")}`;
  const entry = view.locate(path);
  return entry === undefined ? missing([], []) : { kind: "found", entry };
}

/** The entry that a name leads to, or nothing. */
export function findIn(view: RootView, unsafePath: string): Entry | undefined {
  const resolution = resolveIn(view, unsafePath);
  return resolution.kind === "found" ? resolution.entry : undefined;
}

/** The content of a small text file; "" where there is none, or something else, or more than `maxBytes`. */
export function textIn(view: RootView, unsafePath: string, maxBytes: number): string {
  const entry = findIn(view, unsafePath);
  // A regular file only: opening an image's pipe would wait for ever.
  if (entry === undefined || !entry.stats.isFile() || entry.stats.size > maxBytes) return "";
  try {
    return readFileSync(entry.hostPath, "utf8");
  } catch {
    return "";
  }
}

// A ".." behind a name that does not exist would make the missing part ambiguous, so it is taken by its letters,
// as it would be once the directories had been created.
function missing(walked: readonly string[], rest: readonly string[]): Resolution {
  const names: string[] = [];
  for (const name of rest) {
    if (name === "..") names.pop();
    else names.push(name);
  }
  return { kind: "missing", path: `/${[...walked, ...names].join("/")}`, missing: names.length };
}

function components(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
