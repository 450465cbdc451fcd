// Which files get their content written, where not all of an image is wanted. Pure.

import type { RootedPath } from "./path.ts";

export type ContentRule = (path: RootedPath) => boolean;

/**
 * The rule that wants what is at or below one of these paths, such as `/app` or `/opt/*`, where `*` stands for any
 * end of one name. Without paths everything is wanted.
 */
export function contentRule(paths: readonly string[] | undefined): ContentRule {
  if (paths === undefined) return () => true;
  const patterns = paths.map((path) =>
    path
      .replace(/^\//, "")
      .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
      .replace(/\*/g, "[^/]*"),
  );
  const wanted = new RegExp(`^(?:${patterns.join("|")})(?:/|$)`, "s");
  return (path) => wanted.test(path);
}

/** Thrown when a file turns out to be wanted, by another of its names, whose content has not been written. */
export class ContentMissing extends Error {
  override readonly name = "ContentMissing";
}
