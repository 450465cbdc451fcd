// What a dynamic ELF file asks of its loader: the libraries that it names and the directories that it names for them.
// https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.dynamic.html

import { closeSync, openSync, readSync } from "node:fs";
import { readAt, readSegments, type Segment } from "./elf.ts";

export interface DynamicSection {
  /** The names of libraries, as they are written. */
  readonly needed: readonly string[];
  /** Directories to look into before those that a loader is told, `$ORIGIN` not yet replaced. */
  readonly rpath: readonly string[];
  /** Directories to look into after those. */
  readonly runpath: readonly string[];
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_RPATH = 15;
const DT_RUNPATH = 29;
const MAX_STRING_BYTES = 4096;

/** Reads the dynamic section of an ELF file; nothing where it has none, is damaged, or may not be read. */
export function readDynamicSection(hostPath: string | Buffer): DynamicSection | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(hostPath, "r");
  } catch {
    return undefined;
  }
  try {
    return parse(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function parse(descriptor: number): DynamicSection | undefined {
  const file = readSegments(descriptor);
  const place = file?.segments.find(({ type }) => type === PT_DYNAMIC);
  const table = place && readAt(descriptor, place.offset, place.size);
  if (file === undefined || table === undefined) return undefined;
  const entries = entriesOf(table, file.wide);
  const address = entries.find(({ tag }) => tag === DT_STRTAB)?.value;
  const strings = address === undefined ? undefined : offsetOf(file.segments, address);
  if (strings === undefined) return undefined;
  const texts = (wanted: number) =>
    entries
      .filter(({ tag }) => tag === wanted)
      .map(({ value }) => stringAt(descriptor, strings + value));
  const paths = (wanted: number) =>
    texts(wanted).flatMap((text) => text.split(":").filter((path) => path !== ""));
  const runpath = paths(DT_RUNPATH);
  // Where there are both, the older one counts for nothing.
  const rpath = runpath.length > 0 ? [] : paths(DT_RPATH);
  return { needed: texts(DT_NEEDED), rpath, runpath };
}

function entriesOf(table: Buffer, wide: boolean) {
  const word = wide ? 8 : 4;
  const read = (at: number) => (wide ? Number(table.readBigUInt64LE(at)) : table.readUInt32LE(at));
  return Array.from({ length: Math.floor(table.length / (2 * word)) }, (_, index) => ({
    tag: read(2 * word * index),
    value: read(2 * word * index + word),
  }));
}

// The section tells addresses in memory; the segments tell what of the file is there.
function offsetOf(segments: readonly Segment[], address: number): number | undefined {
  const home = segments.find(
    (segment) =>
      segment.type === PT_LOAD &&
      segment.address <= address &&
      address < segment.address + segment.size,
  );
  return home && address - home.address + home.offset;
}

function stringAt(descriptor: number, offset: number): string {
  if (!Number.isSafeInteger(offset)) return "";
  const buffer = Buffer.alloc(MAX_STRING_BYTES);
  const size = readSync(descriptor, buffer, 0, MAX_STRING_BYTES, offset);
  return buffer.toString("utf8", 0, size).split("\0", 1)[0] ?? "";
}
