// The specification once more, for comparison: slow, obvious, and sharing no code with what it judges. An image is a map
// from paths to nodes; where the specification leaves a choice, it chooses as the case list does (its rows in brackets).
// https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#applying-changesets

import type { Change } from "./changes.ts";

export type Node =
  | { readonly type: "directory"; readonly mode: number; readonly mtime: bigint }
  | {
      readonly type: "file";
      readonly mode: number;
      readonly mtime: bigint;
      readonly content: string;
    }
  | { readonly type: "symlink"; readonly target: string; readonly mtime: bigint }
  /** What the disk does not get, unless something links to it [M19, M20]. */
  | { readonly type: "special"; readonly mtime: bigint; isLinked: boolean };

type Nodes = Map<string, Node>;
type Located = Change & { readonly path: string };

/** What the layers may not hold. */
export class Refused extends Error {}

const MAX_LINKS = 255;
const IMPLIED: Node = { type: "directory", mode: 0o755, mtime: 0n };

/** What the layers are together. Throws Refused. */
export function applyLayers(layers: readonly (readonly Change[])[]): Nodes {
  const nodes: Nodes = new Map([["", IMPLIED]]);
  for (const changes of layers) applyLayer(nodes, changes);
  return nodes;
}

function applyLayer(nodes: Nodes, changes: readonly Change[]): void {
  const located = changes.map((change) => ({ ...change, path: clean(change.name) }));
  // Whiteouts speak of the layers below, wherever in the archive they are [W2, O2].
  const hidden = located
    .filter(isMarker)
    .flatMap((marker) => hiddenBy(marker.path, nodes, located));
  for (const path of hidden) remove(nodes, path);
  for (const change of located) if (!isMarker(change)) add(nodes, change);
  for (const path of nodes.keys()) if (isAufs(path)) nodes.delete(path); // [W14]
}

/** A name without what means nothing; one that climbs out is refused [X13]. */
function clean(name: string, aboveRoot: "refuse" | "stay" = "refuse"): string {
  const kept: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") kept.push(part);
    else if (kept.length > 0) kept.pop();
    else if (aboveRoot === "refuse") throw new Refused(`${name} climbs out`);
  }
  return kept.join("/");
}

function isMarker({ path }: Located): boolean {
  return baseOf(path).startsWith(".wh.") && !isAufs(path);
}

function isAufs(path: string): boolean {
  const first = path.split("/")[0] ?? "";
  return first.startsWith(".wh..wh.") && first !== ".wh..wh..opq";
}

/** The paths of lower layers that a marker removes [W1, O1]. */
function hiddenBy(marker: string, lower: Nodes, own: readonly Located[]): string[] {
  const name = baseOf(marker).slice(".wh.".length);
  if (["", ".", ".."].includes(name)) throw new Refused(`${marker} names no file`); // [W3, W4]
  const directory = lowerDirectory(parentOf(marker), lower, own);
  if (directory === undefined) return []; // [W5, O5]
  if (name !== ".wh..opq") return [join(directory, name)];
  return [...lower.keys()].filter((path) => path !== "" && parentOf(path) === directory);
}

/** Where a directory of the lower layers really is [W7, O6]; nowhere, if this layer has one of its own in its place. */
function lowerDirectory(path: string, lower: Nodes, own: readonly Located[]): string | undefined {
  let real = "";
  let reached = "";
  for (const name of path.split("/").filter((part) => part !== "")) {
    real = join(real, name);
    reached = join(reached, name);
    if (lower.get(real)?.type !== "symlink") continue;
    if (own.some((change) => change.kind === "directory" && change.path === reached))
      return undefined;
    real = resolve(lower, real);
  }
  return lower.get(real)?.type === "directory" ? real : undefined;
}

function add(nodes: Nodes, change: Located): void {
  if (change.path === "") return changeRoot(nodes, change);
  const node = nodeOf(nodes, change);
  const parent = resolve(nodes, parentOf(change.path));
  makeDirectories(nodes, parent);
  const path = join(parent, baseOf(change.path));
  // Directories merge; anything else takes the place of what was there, with all that was below it [T1, T2].
  const isMerged = node.type === "directory" && nodes.get(path)?.type === "directory";
  if (!isMerged) remove(nodes, path);
  nodes.set(path, node);
}

function changeRoot(nodes: Nodes, change: Located): void {
  if (change.kind !== "directory") throw new Refused("the root is a directory"); // [T10]
  nodes.set("", nodeOf(nodes, change));
}

function nodeOf(nodes: Nodes, change: Located): Node {
  switch (change.kind) {
    case "directory":
      return { type: "directory", mode: change.mode & 0o1777, mtime: change.mtime };
    case "file":
      return { ...change, type: "file", mode: change.mode & 0o1777 };
    case "symlink":
      if (change.target === "") throw new Refused("a link to nothing");
      return { ...change, type: "symlink" };
    case "hardlink":
      return linked(nodes, change.target);
    default:
      return { type: "special", mtime: change.mtime, isLinked: false };
  }
}

/** The very node that a hard link names: only its parents' links are followed [H2 to H4]. */
function linked(nodes: Nodes, target: string): Node {
  const path = clean(target, "stay");
  const node = nodes.get(join(resolve(nodes, parentOf(path)), baseOf(path)));
  if (node === undefined || node.type === "directory") throw new Refused(`no file ${target}`); // [H10, H12]
  if (node.type === "special") node.isLinked = true;
  return node;
}

/** Makes every directory on the way, in place of whatever else has its name [T7, T8]. */
function makeDirectories(nodes: Nodes, path: string): void {
  if (path === "") return;
  makeDirectories(nodes, parentOf(path));
  if (nodes.get(path)?.type === "directory") return;
  remove(nodes, path);
  nodes.set(path, IMPLIED);
}

/** The path without symbolic links, as a program sees it whose root this is [S2, S5, S7]; what is missing is no link. */
function resolve(nodes: Nodes, path: string): string {
  let real: string[] = [];
  let ahead = path.split("/");
  for (let links = 0; ahead.length > 0;) {
    const name = ahead[0] ?? "";
    ahead = ahead.slice(1);
    if (name === "" || name === ".") continue;
    const node = name === ".." ? undefined : nodes.get([...real, name].join("/"));
    if (node?.type === "symlink") {
      links += 1;
      if (links > MAX_LINKS) throw new Refused(`${path} is a loop`); // [S4]
      if (node.target.startsWith("/")) real = [];
      ahead = [...node.target.split("/"), ...ahead];
    } else if (name === "..") {
      real = real.slice(0, -1);
    } else {
      real = [...real, name];
    }
  }
  return real.join("/");
}

function remove(nodes: Nodes, path: string): void {
  for (const other of nodes.keys()) {
    if (other === path || other.startsWith(`${path}/`)) nodes.delete(other);
  }
}

function join(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

function parentOf(path: string): string {
  return path.split("/").slice(0, -1).join("/");
}

function baseOf(path: string): string {
  return path.split("/").at(-1) ?? "";
}
