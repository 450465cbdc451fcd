// Names inside an image. A name is bytes, held as a latin1 string (one character a byte), so that names that are not
// UTF-8 survive; it becomes a RootedPath here or nowhere.

import { showName } from "../archive/show-name.ts";
import { RunnerError } from "../errors.ts";
import { type Limits, limitError } from "./limits.ts";

declare const brand: unique symbol;

/** `usr/lib/x`, seen from the root: no component is empty, `.` or `..`, none holds NUL. The root itself is "". */
export type RootedPath = string & { readonly [brand]: "RootedPath" };

export const ROOT = "" as RootedPath;

export interface PathRules {
  readonly limits: Limits;
  /** What `..` above the root means: names are refused, targets of hard links stay at the root as on a real one. */
  readonly aboveRoot: "refuse" | "clamp";
}

/**
 * Cleans a member's name lexically. Throws LAYER_UNSAFE when it climbs above the root, LAYER_CORRUPT when it holds
 * NUL, LIMIT_EXCEEDED when it is too long or too deep.
 */
export function parsePath(unsafeName: string, { limits, aboveRoot }: PathRules): RootedPath {
  requireName(unsafeName, limits);
  const components: string[] = [];
  for (const component of unsafeName.split("/")) {
    if (component === "" || component === ".") continue;
    if (component !== "..") {
      components.push(component);
    } else if (components.pop() === undefined && aboveRoot === "refuse") {
      throw new RunnerError(
        "LAYER_UNSAFE",
        `the name ${showName(unsafeName)} climbs out of the root`,
      );
    }
  }
  requireComponents(components, limits);
  // This is where the brand comes from.
  return components.join("/") as RootedPath;
}

/** What every name and link target must keep to: its length, and no NUL. */
export function requireName(unsafeName: string, limits: Limits): void {
  if (unsafeName.length > limits.pathBytes) {
    throw limitError(limits, "pathBytes", `a name is ${unsafeName.length} bytes long`);
  }
  if (unsafeName.includes("\0")) {
    throw new RunnerError("LAYER_CORRUPT", `the name ${showName(unsafeName)} contains NUL`);
  }
}

export function parentOf(path: RootedPath): RootedPath {
  // A path's beginning up to a slash is a path as well.
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0)) as RootedPath;
}

/** The last component; empty for the root. */
export function nameOf(path: RootedPath): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function componentsOf(path: RootedPath): string[] {
  return path === "" ? [] : path.split("/");
}

/** The path of `name` in the directory `path`; the caller knows that `name` is one component. */
export function childOf(path: RootedPath, name: string): RootedPath {
  return (path === "" ? name : `${path}/${name}`) as RootedPath;
}

function requireComponents(components: readonly string[], limits: Limits): void {
  if (components.length > limits.depth) {
    throw limitError(limits, "depth", `a name is ${components.length} directories deep`);
  }
  for (const component of components) {
    // The marker of a whiteout is no part of the name that it hides, which may have the full length.
    const length = component.startsWith(".wh.") ? component.length - 4 : component.length;
    if (length > limits.nameBytes) {
      throw limitError(
        limits,
        "nameBytes",
        `the name ${showName(component)} is ${component.length} bytes long`,
      );
    }
  }
}
