// One layer's entries onto the tree of the layers below it. What a layer hides is hidden first, whatever the order of
// its members, because a whiteout speaks of lower layers only; then its own entries are added in order.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#applying-changesets

import { showName } from "../archive/show-name.ts";
import { RunnerError } from "../errors.ts";
import { Pace } from "../system/pace.ts";
import { type Entry, isAufsLeftover } from "./entry.ts";
import { ROOT, type RootedPath, childOf, componentsOf, nameOf, parentOf } from "./path.ts";
import type { Directory, Leaf, Node, Tree } from "./tree.ts";

type Added = Exclude<Entry, { type: "whiteout" | "opaque" }>;

export interface Applied {
  /** Hard links that name themselves, which say nothing. */
  readonly selfLinks: readonly RootedPath[];
}

/** Applies the entries of the layer with that number. Throws LAYER_CORRUPT, LIMIT_EXCEEDED. */
export async function applyLayer(
  tree: Tree,
  entries: readonly Entry[],
  layer: number,
): Promise<Applied> {
  const selfLinks: RootedPath[] = [];
  const pace = new Pace();
  await hideLower(tree, entries, pace);
  for (const entry of entries) {
    if (pace.isDue()) await pace.rest();
    if (entry.type === "whiteout" || entry.type === "opaque") continue;
    if (entry.type === "hardlink" && entry.path === entry.target) {
      selfLinks.push(entry.path);
    }
    add(tree, entry, layer);
  }
  for (const name of tree.root.children.keys()) {
    if (pace.isDue()) await pace.rest();
    if (isAufsLeftover(name)) tree.root.children.delete(name);
  }
  return { selfLinks };
}

async function hideLower(tree: Tree, entries: readonly Entry[], pace: Pace): Promise<void> {
  const markers = entries.filter((entry) => entry.type === "whiteout" || entry.type === "opaque");
  if (markers.length === 0) return;
  const ownDirectories = new Set(
    entries.filter((entry) => entry.type === "directory").map((entry) => entry.path),
  );
  // Found before anything is hidden: the way to one may lead through a link that another marker hides.
  const parents: (Directory | undefined)[] = [];
  for (const { type, path } of markers) {
    if (pace.isDue()) await pace.rest();
    parents.push(lowerDirectory(tree, type === "opaque" ? path : parentOf(path), ownDirectories));
  }
  for (const [index, { type, path }] of markers.entries()) {
    if (pace.isDue()) await pace.rest();
    if (type === "opaque") parents[index]?.children.clear();
    else parents[index]?.children.delete(nameOf(path));
  }
}

// A link of a lower layer is followed to what is hidden behind it, unless this layer puts a directory in its place:
// then nothing of a lower layer is below that name, and behind the link nothing may vanish.
function lowerDirectory(
  tree: Tree,
  path: RootedPath,
  ownDirectories: ReadonlySet<string>,
): Directory | undefined {
  let at: Directory | undefined = tree.root;
  let reached = ROOT;
  for (const name of componentsOf(path)) {
    reached = childOf(reached, name);
    const node: Node | undefined = at?.children.get(name);
    if (node?.type === "directory") at = node;
    else if (node?.type !== "symlink" || ownDirectories.has(reached)) return undefined;
    else at = tree.findDirectory(reached);
  }
  return at;
}

function add(tree: Tree, entry: Added, layer: number): void {
  const name = nameOf(entry.path);
  if (name === "") {
    if (entry.type === "directory") tree.root.attributes = entry.attributes;
    return;
  }
  // Looked up before the parents are made, since making them may replace what it names.
  const linked = entry.type === "hardlink" ? findLinked(tree, entry.path, entry.target) : undefined;
  const parent = tree.makeDirectory(parentOf(entry.path));
  if (linked !== undefined) {
    linked.hasLinks = true;
    parent.children.set(name, linked);
  } else if (entry.type === "directory") {
    addDirectory(tree, parent, name, entry);
  } else if (entry.type !== "hardlink") {
    parent.children.set(name, leafOf(entry, layer));
  }
}

function addDirectory(
  tree: Tree,
  parent: Directory,
  name: string,
  { attributes }: Extract<Entry, { type: "directory" }>,
): void {
  const existing = parent.children.get(name);
  if (existing?.type === "directory") existing.attributes = attributes;
  else tree.addDirectory(parent, name, attributes);
}

function leafOf(entry: Exclude<Added, { type: "directory" | "hardlink" }>, layer: number): Leaf {
  const { attributes } = entry;
  switch (entry.type) {
    case "file":
      return {
        type: "file",
        attributes,
        size: entry.size,
        layer,
        body: entry.body,
        hasLinks: false,
      };
    case "symlink":
      return { type: "symlink", attributes, target: entry.target, hasLinks: false };
    default:
      return { type: entry.type, attributes, hasLinks: false };
  }
}

// The links on the way are followed inside the root, the last name never: a link to a symbolic link is another name
// of that link, not of what it points to (CVE-2026-26960, CVE-2021-32760).
function findLinked(tree: Tree, path: RootedPath, target: RootedPath): Leaf {
  const parent = tree.findDirectory(parentOf(target));
  const node: Node | undefined = parent?.children.get(nameOf(target));
  if (node === undefined && target !== "") {
    throw new RunnerError(
      "LAYER_CORRUPT",
      `the hard link ${showName(path)} names ${showName(target)}, which does not exist`,
    );
  }
  if (node === undefined || node.type === "directory") {
    throw new RunnerError(
      "LAYER_CORRUPT",
      `the hard link ${showName(path)} names the directory ${showName(target)}`,
    );
  }
  return node;
}
