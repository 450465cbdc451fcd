// Makes a tree usable where it lies, by programs whose root directory it is not: links that begin at its root are made
// to begin where they are, what names directories for Python names them as this machine does, and libraries leave it to
// the program where theirs are. The tree must be this run's alone. Never follows a link.

import {
  chmodSync,
  lchownSync,
  lstatSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { yieldToProgram } from "./elf-patch.ts";
import { changeIn } from "./owned-directory.ts";
import { findIn, hostPathOf, privateRootView, type RootView } from "./root-view.ts";
import type { Identity } from "./ownership.ts";

const SLASH = Buffer.from("/");
const PERMISSIONS = 0o7777;
const MAX_TEXT_BYTES = 65_536;

const LIBRARY = /\.so(?:\.[\d.]+)?$/;

// These are the kernel's wherever a program runs: an image's log that is a link to /dev/stdout means this process's own.
const KERNEL_TREE = /^\/+(?:proc|sys|dev)(?:\/|$)/;

/** Throws what the file system throws. `owner` is whose the tree is. */
export function relocateTree(root: string, owner: Identity): void {
  const view = privateRootView(root);
  const pending = [{ path: Buffer.from(root), depth: 0 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, depth } = next;
    for (const name of namesIn(path)) {
      const entry = Buffer.concat([path, SLASH, name]);
      const stats = lstatSync(entry);
      if (stats.isDirectory()) pending.push({ path: entry, depth: depth + 1 });
      else if (stats.isSymbolicLink()) relocateLink(entry, { directory: path, depth, owner });
      else if (stats.isFile() && LIBRARY.test(name.toString("latin1"))) yieldToProgram(entry);
      else if (stats.isFile() && stats.size <= MAX_TEXT_BYTES) {
        relocateText(entry, name.toString("latin1"), view, root);
      }
    }
  }
}

/**
 * What a link's text has to be for a link `depth` directories below the root to lead, without that root, to where it
 * leads with it; nothing where it does already. Text is latin1, one character a byte.
 */
export function relocatedTarget(target: string, depth: number): string | undefined {
  const names = target.split("/").filter((name) => name !== "" && name !== ".");
  const firstName = names.findIndex((name) => name !== "..");
  const ups = firstName === -1 ? names.length : firstName;
  if (KERNEL_TREE.test(target)) return undefined;
  // There is nothing above a root: ".." leads to itself there.
  if (!target.startsWith("/") && ups <= depth) return undefined;
  return [...Array.from({ length: depth }, () => ".."), ...names.slice(ups)].join("/") || ".";
}

interface LinkPlace {
  readonly directory: Buffer;
  readonly depth: number;
  readonly owner: Identity;
}

function relocateLink(path: Buffer, { directory, depth, owner }: LinkPlace): void {
  const target = relocatedTarget(readlinkSync(path, "buffer").toString("latin1"), depth);
  if (target === undefined) return;
  changeIn(directory, () => {
    unlinkSync(path);
    symlinkSync(Buffer.from(target, "latin1"), path);
  });
  if (process.geteuid?.() === 0) lchownSync(path, owner.uid, owner.gid);
}

// A virtual environment names the directory of the Python that it was made from, and a project that is installed to be
// edited is a line with its directory. https://docs.python.org/3/library/site.html
function relocateText(path: Buffer, name: string, view: RootView, root: string): void {
  if (name === "pyvenv.cfg") {
    rewrite(path, (line) =>
      line.replace(/^(home\s*=\s*)(\/.*?)\s*$/i, (whole: string, key: string, directory: string) =>
        findIn(view, directory) === undefined ? whole : `${key}${hostPathOf(root, directory)}`,
      ),
    );
  } else if (name.endsWith(".pth")) {
    rewrite(path, (line) =>
      line.startsWith("/") && findIn(view, line.trim()) !== undefined
        ? hostPathOf(root, line.trim())
        : line,
    );
  }
}

function rewrite(path: Buffer, change: (line: string) => string): void {
  const text = readFileSync(path, "utf8");
  const changed = text.split("\n").map(change).join("\n");
  if (changed === text) return;
  const { mode } = lstatSync(path);
  chmodSync(path, 0o600);
  writeFileSync(path, changed);
  chmodSync(path, mode & PERMISSIONS);
}

// What its owner may not list the server cannot use either.
function namesIn(directory: Buffer): readonly Buffer[] {
  try {
    return readdirSync(directory, { encoding: "buffer" });
  } catch {
    return [];
  }
}
