// What one member of a layer asks for: to add something to the tree, or to hide something of the layers below.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts

import type { Member } from "../archive/member.ts";
import type { Xattrs } from "../archive/pax.ts";
import { showName } from "../archive/show-name.ts";
import { RunnerError } from "../errors.ts";
import type { FileTime } from "../system/file-times.ts";
import type { Limits } from "./limits.ts";
import { type RootedPath, childOf, nameOf, parentOf, parsePath, requireName } from "./path.ts";

export interface Attributes {
  /** Twelve bits, as the archive has them. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: FileTime;
  readonly xattrs: Xattrs;
}

export type ParsedEntry =
  | { readonly type: "directory"; readonly path: RootedPath; readonly attributes: Attributes }
  | {
      readonly type: "file";
      readonly path: RootedPath;
      readonly attributes: Attributes;
      readonly size: number;
    }
  | {
      readonly type: "symlink";
      readonly path: RootedPath;
      readonly attributes: Attributes;
      readonly target: string;
    }
  | { readonly type: "hardlink"; readonly path: RootedPath; readonly target: RootedPath }
  | {
      readonly type: "device" | "fifo";
      readonly path: RootedPath;
      readonly attributes: Attributes;
    }
  /** Hides `path` of the layers below. */
  | { readonly type: "whiteout"; readonly path: RootedPath }
  /** Hides what the layers below have in the directory `path`. */
  | { readonly type: "opaque"; readonly path: RootedPath };

/** Where a file's content waits in its layer's private directory: under its own path, or under a number. */
export type Body = RootedPath | number;

/** An entry whose content, if it is a file, is on disk. */
export type Entry =
  | Exclude<ParsedEntry, { type: "file" }>
  | (Extract<ParsedEntry, { type: "file" }> & {
      /** Absent where the content is not wanted. */
      readonly body: Body | undefined;
    });

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** AUFS kept its own files at the root under such names, and old images still carry them. */
const AUFS = ".wh..wh.";

/**
 * Reads a member. Throws LAYER_UNSAFE, LAYER_CORRUPT, LIMIT_EXCEEDED.
 */
export function parseEntry(member: Member, limits: Limits): ParsedEntry {
  const path = parsePath(member.unsafeName, { limits, aboveRoot: "refuse" });
  if (path === "") return parseRoot(member, path);
  const name = nameOf(path);
  if (name.startsWith(WHITEOUT) && !isAufsLeftover(path)) return parseMarker(path, name);
  const attributes = attributesOf(member);
  switch (member.type) {
    case "file":
      return { type: "file", path, attributes, size: member.size };
    case "symlink":
      return { type: "symlink", path, attributes, target: parseTarget(member, path, limits) };
    case "hardlink":
      return { type: "hardlink", path, target: parseLink(member, limits) };
    default:
      return { type: member.type, path, attributes };
  }
}

/** AUFS's own files: hard links may point at them, but they are no part of the image. */
export function isAufsLeftover(path: string): boolean {
  return path.startsWith(AUFS) && path !== OPAQUE && !path.startsWith(`${OPAQUE}/`);
}

// A root that turns into a link would lead everything after it elsewhere (CVE-2021-29136).
function parseRoot(member: Member, path: RootedPath): ParsedEntry {
  if (member.type === "directory")
    return { type: "directory", path, attributes: attributesOf(member) };
  throw new RunnerError(
    "LAYER_UNSAFE",
    `the name ${showName(member.unsafeName)} would turn the root into a ${member.type}`,
  );
}

// A marker is one by its name alone, whatever type and content it has.
function parseMarker(path: RootedPath, name: string): ParsedEntry {
  if (name === OPAQUE) return { type: "opaque", path: parentOf(path) };
  const hidden = name.slice(WHITEOUT.length);
  if (hidden === "" || hidden === "." || hidden === "..") {
    throw new RunnerError("LAYER_UNSAFE", `the whiteout ${showName(path)} names no file`);
  }
  return { type: "whiteout", path: childOf(parentOf(path), hidden) };
}

function attributesOf({ mode, uid, gid, mtime, xattrs }: Member): Attributes {
  return { mode: mode & 0o7777, uid, gid, mtime, xattrs };
}

// Kept to the byte: a target means something only when the server runs, inside its own root.
function parseTarget(member: Member, path: RootedPath, limits: Limits): string {
  const target = member.unsafeTarget;
  if (target === "") {
    throw new RunnerError("LAYER_CORRUPT", `the symbolic link ${showName(path)} has no target`);
  }
  requireName(target, limits);
  return target;
}

// A hard link's target is a name from the root, not from the link.
function parseLink(member: Member, limits: Limits): RootedPath {
  return parsePath(member.unsafeTarget, { limits, aboveRoot: "clamp" });
}
