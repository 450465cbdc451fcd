// Trees, those of the model and those on disk, as one line for every path: type, mode, time, content or target, and
// which other paths are the same inode. Two trees are the same if these are.

import { lstatSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import type { Node } from "./model.ts";

/** Paths are latin1, one character a byte; the root is ".". */
export type FlatTree = Readonly<Record<string, string>>;

interface Item {
  readonly path: string;
  readonly line: string;
  /** The same for the names of one inode. */
  readonly inode: unknown;
}

export function flatModel(nodes: ReadonlyMap<string, Node>): FlatTree {
  const items = [...nodes].flatMap(([path, node]): Item[] => {
    const line = modelLine(node);
    return line === undefined ? [] : [{ path: path || ".", line, inode: path || "." }];
  });
  return flat(items.map((item) => ({ ...item, inode: inodeOf(nodes, item.path) })));
}

export function flatDisk(root: string): FlatTree {
  const items: Item[] = [];
  const visit = (path: string, shown: string) => {
    const bytes = Buffer.from(path, "latin1");
    const stats = lstatSync(bytes, { bigint: true });
    items.push({ path: shown, line: diskLine(bytes), inode: stats.ino });
    if (!stats.isDirectory()) return;
    for (const name of readdirSync(bytes, { encoding: "buffer" })) {
      const text = name.toString("latin1");
      visit(`${path}/${text}`, shown === "." ? text : `${shown}/${text}`);
    }
  };
  visit(Buffer.from(root).toString("latin1"), ".");
  return flat(items);
}

function flat(items: readonly Item[]): FlatTree {
  const names = Map.groupBy(items, ({ inode }) => inode);
  const lines = items.map(({ path, line, inode }): [string, string] => {
    const same = (names.get(inode) ?? []).map((item) => item.path).sort();
    return [path, same.length > 1 ? `${line}, one file: ${same.join(" ")}` : line];
  });
  return Object.fromEntries(lines.sort(([a], [b]) => (a < b ? -1 : 1)));
}

// The model shares one node among all implied directories, which are no links of each other.
function inodeOf(nodes: ReadonlyMap<string, Node>, shown: string): unknown {
  const node = nodes.get(shown === "." ? "" : shown);
  return node?.type === "directory" ? shown : node;
}

function modelLine(node: Node): string | undefined {
  switch (node.type) {
    case "directory":
      return line("directory", node.mode, node.mtime);
    case "file":
      return line("file", node.mode, node.mtime, node.content);
    case "symlink":
      return line("symlink", 0o777, node.mtime, node.target);
    case "special":
      return node.isLinked ? line("file", 0, node.mtime, "") : undefined;
  }
}

function diskLine(path: Buffer): string {
  const stats = lstatSync(path, { bigint: true });
  const mode = Number(stats.mode) & 0o7777;
  if (stats.isDirectory()) return line("directory", mode, stats.mtimeNs);
  if (stats.isFile()) {
    // What stands for a device is closed to everyone, and empty.
    const content = stats.size === 0n ? "" : readFileSync(path, "latin1");
    return line("file", mode, stats.mtimeNs, content);
  }
  if (!stats.isSymbolicLink()) return line("something else", mode, stats.mtimeNs);
  return line("symlink", mode, stats.mtimeNs, readlinkSync(path, "buffer").toString("latin1"));
}

function line(type: string, mode: number, mtime: bigint, text?: string): string {
  const shown = text === undefined ? "" : ` ${JSON.stringify(text)}`;
  return `${type} ${mode.toString(8)} @${mtime}${shown}`;
}
