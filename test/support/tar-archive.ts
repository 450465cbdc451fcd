// Well-formed tar archives for images that tests and the demo build. Knows nothing of images, and cannot lie: archives
// with wrong headers are made elsewhere. nanotar cuts names at 100 characters, which node_modules exceeds.

import { readFileSync } from "node:fs";

export interface TarEntry {
  readonly path: string;
  /** A directory when the path ends in `/`, else a file. */
  readonly type?: "file" | "directory" | "symlink" | "hardlink";
  /** The bytes of a file. */
  readonly content?: string | Uint8Array;
  /** A file on disk whose bytes are read when the archive is made. */
  readonly source?: string;
  /** Where a link leads. */
  readonly target?: string;
  /** 0o755 for directories, 0o777 for symbolic links and 0o644 for files. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since 1970. */
  readonly mtime?: number;
}

const BLOCK = 512;
const MAX_FIELD = 100;
const MAX_OCTAL_SIZE = 0o77777777777;
const TYPE_FLAGS = { file: "0", hardlink: "1", symlink: "2", directory: "5" } as const;
const MODES = { file: 0o644, hardlink: 0o644, symlink: 0o777, directory: 0o755 } as const;

/** The bytes of an archive with these entries in this order, with PAX records for what the old header cannot hold. */
export function tarArchive(entries: readonly TarEntry[]): Uint8Array {
  return Buffer.concat([...entries.flatMap(entryBlocks), Buffer.alloc(2 * BLOCK)]);
}

function entryBlocks(entry: TarEntry): Uint8Array[] {
  const type = entry.type ?? (entry.path.endsWith("/") ? "directory" : "file");
  const path = type === "directory" && !entry.path.endsWith("/") ? `${entry.path}/` : entry.path;
  const target = entry.target ?? "";
  const bytes = type === "file" ? contentOf(entry) : new Uint8Array();
  const records = [
    ...paxRecord("path", path, needsPax(path)),
    ...paxRecord("linkpath", target, needsPax(target)),
    ...paxRecord("size", String(bytes.byteLength), bytes.byteLength > MAX_OCTAL_SIZE),
  ];
  const fields = {
    path,
    target,
    flag: TYPE_FLAGS[type],
    mode: entry.mode ?? MODES[type],
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    mtime: entry.mtime ?? 0,
    size: bytes.byteLength,
  };
  return [...paxBlocks(records), header(fields), bytes, padding(bytes.byteLength)];
}

function contentOf(entry: TarEntry): Uint8Array {
  if (entry.source !== undefined) return readFileSync(entry.source);
  return typeof entry.content === "string"
    ? Buffer.from(entry.content)
    : (entry.content ?? new Uint8Array());
}

function needsPax(text: string): boolean {
  return Buffer.byteLength(text) > MAX_FIELD || /[^\x20-\x7e]/.test(text);
}

// A record's length counts its own digits: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
function paxRecord(key: string, value: string, wanted: boolean): string[] {
  if (!wanted) return [];
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return [`${length} ${key}=${value}\n`];
}

function paxBlocks(records: readonly string[]): Uint8Array[] {
  if (records.length === 0) return [];
  const bytes = Buffer.from(records.join(""));
  const size = bytes.byteLength;
  const fields = {
    path: "pax",
    target: "",
    flag: "x",
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    size,
  };
  return [header(fields), bytes, padding(size)];
}

interface HeaderFields {
  readonly path: string;
  readonly target: string;
  readonly flag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly size: number;
}

// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html, "ustar Interchange Format"
function header(fields: HeaderFields): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  block.write(fields.path.slice(0, MAX_FIELD), 0, MAX_FIELD);
  block.write(octal(fields.mode, 8), 100);
  block.write(octal(fields.uid, 8), 108);
  block.write(octal(fields.gid, 8), 116);
  block.write(octal(Math.min(fields.size, MAX_OCTAL_SIZE), 12), 124);
  block.write(octal(fields.mtime, 12), 136);
  block.write("        ", 148);
  block.write(fields.flag, 156);
  block.write(fields.target.slice(0, MAX_FIELD), 157, MAX_FIELD);
  block.write("ustar\u000000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\0`;
}

function padding(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}
