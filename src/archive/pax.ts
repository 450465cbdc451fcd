// PAX records: `LENGTH key=value\n`, read to the letter. A record that is skipped or repaired here is one that another
// reader sees differently, and between two readings an archive can hide files (CVE-2025-62518).
// https://pubs.opengroup.org/onlinepubs/9699919799.2018edition/utilities/pax.html#tag_20_92_13_03

import { RunnerError } from "../errors.ts";
import type { FileTime } from "../system/file-times.ts";
import { showName } from "./show-name.ts";

/** What one extended header says about the next member. Texts are latin1, one character a byte. */
export interface PaxRecords {
  readonly unsafePath?: string;
  readonly unsafeTarget?: string;
  readonly size?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: FileTime;
  readonly xattrs: Xattrs;
  readonly sparse: boolean;
}

/** Extended attributes are reported, not kept. Only counted, since one header has room for 50,000 names. */
export interface Xattrs {
  readonly count: number;
  /** Whether one more, not counted, gives a file capabilities. */
  readonly hasCapability: boolean;
}

/** One for all members that have none: a layer may have a million. */
export const NO_XATTRS: Xattrs = { count: 0, hasCapability: false };

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
const XATTR = "SCHILY.xattr.";
const CAPABILITY = `${XATTR}security.capability`;
/** Records whose values are bytes of their owner's choosing, so that NUL in them means nothing to us. */
const BINARY = [XATTR, "LIBARCHIVE.xattr."];

/** Throws LAYER_CORRUPT for anything that is not the grammar, and for values that cannot be used. */
export function parsePax(record: Buffer): PaxRecords {
  const values = new Map<string, string>();
  for (let at = 0; at < record.length;) at = readRecord(record, at, values);
  return { ...textsOf(values), ...numbersOf(values), ...attributesOf(values) };
}

function readRecord(record: Buffer, start: number, values: Map<string, string>): number {
  const space = record.indexOf(SPACE, start);
  const digits = space < 0 ? "" : record.toString("latin1", start, Math.min(space, start + 10));
  const end = start + Number(digits);
  if (!/^[1-9][0-9]*$/.test(digits) || end > record.length || end <= space + 1) {
    throw malformed("a length that is wrong");
  }
  if (record[end - 1] !== NEWLINE) throw malformed("no newline at its end");
  const equals = record.indexOf(EQUALS, space);
  if (equals < 0 || equals >= end || equals === space + 1) throw malformed("no key");
  const key = record.toString("latin1", space + 1, equals);
  const value = record.toString("latin1", equals + 1, end - 1);
  if (key.includes("\0")) throw malformed("NUL in its key");
  if (value.includes("\0") && !BINARY.some((prefix) => key.startsWith(prefix))) {
    throw malformed(`NUL in the value of ${showName(key)}`);
  }
  // An empty value takes the override back: the header's own field counts again.
  if (value === "") values.delete(key);
  else values.set(key, key.startsWith(XATTR) ? "" : value);
  return end;
}

function textsOf(values: ReadonlyMap<string, string>) {
  const path = values.get("path");
  const target = values.get("linkpath");
  return {
    ...(path === undefined ? {} : { unsafePath: path }),
    ...(target === undefined ? {} : { unsafeTarget: target }),
  };
}

function numbersOf(values: ReadonlyMap<string, string>) {
  const size = wholeNumber(values, "size");
  const uid = wholeNumber(values, "uid");
  const gid = wholeNumber(values, "gid");
  const mtime = values.get("mtime");
  return {
    ...(size === undefined ? {} : { size }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    ...(mtime === undefined ? {} : { mtime: parseTime(mtime) }),
  };
}

function attributesOf(values: ReadonlyMap<string, string>) {
  const keys = [...values.keys()];
  const hasCapability = values.has(CAPABILITY);
  const count = keys.filter((key) => key.startsWith(XATTR) && key !== CAPABILITY).length;
  return {
    xattrs: count > 0 || hasCapability ? { count, hasCapability } : NO_XATTRS,
    sparse: keys.some((key) => key.startsWith("GNU.sparse.")),
  };
}

function wholeNumber(values: ReadonlyMap<string, string>, key: string): number | undefined {
  const text = values.get(key);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw malformed(`a ${key} that is not a number that can be used`);
}

/** Seconds with any number of decimals, perhaps negative: `-1.25` is 1.25 s before 1970. */
function parseTime(text: string): FileTime {
  const parts = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(text);
  if (parts === null) throw malformed("an mtime that is not a number");
  const whole = Number(parts[2]);
  const nanoseconds = Number((parts[3] ?? "").padEnd(9, "0").slice(0, 9));
  if (parts[1] === "") return { seconds: whole, nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - whole, nanoseconds: 0 }
    : { seconds: -whole - 1, nanoseconds: 1_000_000_000 - nanoseconds };
}

function malformed(what: string): RunnerError {
  return new RunnerError("LAYER_CORRUPT", `a PAX header has a record with ${what}`);
}
