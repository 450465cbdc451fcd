// Changes to ELF files of a tree that is this run's alone, so that the kernel can start its programs where they lie: the
// loader and the directories of libraries are written into the file itself. A child of the server would inherit no
// argument that names them, and programs of this machine must inherit no variable that does.

import { chmodSync, closeSync, fstatSync, lstatSync, openSync, writeSync } from "node:fs";
import { readAt, readElf, readSegments, type Segment } from "./elf.ts";
import { readDynamicSection } from "./elf-dynamic.ts";

/** What a program gets in the place of what it was linked with, as this machine names it. */
export interface OwnLoader {
  readonly interpreter: string;
  /** Directories with colons between them, which hold for the program and all that it loads. */
  readonly libraryPath: string;
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PT_NOTE = 4;
const PF_R = 4;
const DT_NULL = 0;
const DT_STRTAB = 5;
const DT_RPATH = 15;
const DT_RUNPATH = 29;
// In the range of systems of which neither C library knows this one.
const DT_NOTHING = 0x6000_0fff;
const ENTRY_BYTES = 16;
// A larger note is something that the program reads: Node's single executables have their script in one.
const MAX_NOTE_BYTES = 256;
// The largest page of any Linux on these processors.
const PAGE_BYTES = 65_536;
const PERMISSIONS = 0o7777;
const OWNER_MAY_WRITE = 0o600;

/** Whether a program has room for what `giveLoader` writes. Most linkers leave some. */
export function takesLoader(hostPath: string): boolean {
  return withFile(hostPath, "r", (file) => roomIn(file) !== undefined);
}

/**
 * Makes a program start with this loader and these libraries, by the kernel's own hand: /proc/self/exe is the program.
 * Only for a file that `takesLoader`; throws what the file system throws. One that has the loader already, and may be
 * running, is not written to.
 */
export function giveLoader(hostPath: string, { interpreter, libraryPath }: OwnLoader): void {
  const elf = readElf(hostPath);
  if (!("problem" in elf) && elf.interpreter === interpreter) return;
  change(hostPath, (file) => {
    const room = roomIn(file);
    if (room === undefined) throw new Error(`${hostPath} has no room for another loader`);
    const loader = Buffer.from(`${interpreter}\0`);
    const text = Buffer.concat([loader, Buffer.from(`${libraryPath}\0`)]);
    const offset = nextPage(fstatSync(file).size);
    const address = nextPage(room.end);
    writeSync(file, text, 0, text.length, offset);
    // A note in the place of which the kernel maps the text; a build's identity is all that it tells.
    writeSegment(file, room.note, { type: PT_LOAD, offset, address, size: text.length });
    for (const at of room.paths)
      writeEntry(file, at, DT_RPATH, address + loader.length - room.strings);
    // Its address stays that of the old name, which the loader knows itself by.
    const { type, address: old } = room.interpreter;
    writeSegment(file, room.interpreter, { type, offset, address: old, size: loader.length });
  });
}

/**
 * Has a library's own directories stand beside those of the program, which DT_RUNPATH would put out of force for what
 * the library needs; those that are this machine's are taken from it. Throws what the file system throws.
 */
export function yieldToProgram(hostPath: string | Buffer): void {
  const paths = readDynamicSection(hostPath)?.runpath ?? [];
  if (paths.length === 0) return;
  const isRelative = paths.every((path) => /^\$(?:ORIGIN|\{ORIGIN\})(?:\/|$)/.test(path));
  change(hostPath, (file) => {
    const runpaths = dynamicOf(file)?.entries.filter(({ tag }) => tag === DT_RUNPATH) ?? [];
    for (const { value, at } of runpaths)
      writeEntry(file, at, isRelative ? DT_RPATH : DT_NOTHING, value);
  });
}

interface Room {
  readonly interpreter: Segment;
  readonly note: Segment;
  /** Addresses in memory: of the strings that entries count from, and behind everything. */
  readonly strings: number;
  readonly end: number;
  /** Where the file has the entries that are to tell the directories. */
  readonly paths: readonly number[];
}

function roomIn(file: number): Room | undefined {
  const dynamic = dynamicOf(file);
  if (dynamic?.strings === undefined) return undefined;
  const { segments, entries, strings } = dynamic;
  const interpreter = segments.find(({ type }) => type === PT_INTERP);
  const loaded = segments.filter(({ type }) => type === PT_LOAD);
  // Segments to load stand in the order of their addresses, and this one has the highest.
  const note = segments.find(
    ({ type, size, header }) =>
      type === PT_NOTE && size <= MAX_NOTE_BYTES && loaded.every((other) => other.header < header),
  );
  const own = entries.filter(({ tag }) => tag === DT_RPATH || tag === DT_RUNPATH);
  const [spare, last] = entries.filter(({ tag }) => tag === DT_NULL);
  const free = spare === undefined || last === undefined ? [] : [spare];
  const paths = (own.length > 0 ? own : free).map(({ at }) => at);
  if (interpreter === undefined || note === undefined || paths.length === 0) return undefined;
  const end = Math.max(...loaded.map(({ address, memorySize }) => address + memorySize));
  return { interpreter, note, strings, end, paths };
}

function dynamicOf(file: number) {
  const elf = readSegments(file);
  const place = elf?.segments.find(({ type }) => type === PT_DYNAMIC);
  const table = place && readAt(file, place.offset, place.size);
  if (elf?.wide !== true || place === undefined || table === undefined) return undefined;
  const entries = Array.from({ length: Math.floor(table.length / ENTRY_BYTES) }, (_, index) => ({
    tag: Number(table.readBigUInt64LE(ENTRY_BYTES * index)),
    value: Number(table.readBigUInt64LE(ENTRY_BYTES * index + 8)),
    at: place.offset + ENTRY_BYTES * index,
  }));
  const strings = entries.find(({ tag }) => tag === DT_STRTAB)?.value;
  return { segments: elf.segments, entries, strings };
}

// https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html
function writeSegment(
  file: number,
  { header }: Segment,
  { type, offset, address, size }: Pick<Segment, "type" | "offset" | "address" | "size">,
): void {
  const words = Buffer.alloc(56);
  words.writeUInt32LE(type, 0);
  words.writeUInt32LE(PF_R, 4);
  for (const [index, word] of [offset, address, address, size, size].entries())
    words.writeBigUInt64LE(BigInt(word), 8 + 8 * index);
  words.writeBigUInt64LE(BigInt(type === PT_LOAD ? PAGE_BYTES : 1), 48);
  writeSync(file, words, 0, words.length, header);
}

function writeEntry(file: number, at: number, tag: number, value: number): void {
  const words = Buffer.alloc(ENTRY_BYTES);
  words.writeBigUInt64LE(BigInt(tag), 0);
  words.writeBigUInt64LE(BigInt(value), 8);
  writeSync(file, words, 0, words.length, at);
}

function nextPage(position: number): number {
  return Math.ceil(position / PAGE_BYTES) * PAGE_BYTES;
}

// A program is seldom its owner's to write.
function change(hostPath: string | Buffer, write: (file: number) => void): void {
  const mode = lstatSync(hostPath).mode & PERMISSIONS;
  chmodSync(hostPath, mode | OWNER_MAY_WRITE);
  try {
    withFile(hostPath, "r+", write);
  } finally {
    chmodSync(hostPath, mode);
  }
}

function withFile<T>(hostPath: string | Buffer, flags: "r" | "r+", use: (file: number) => T): T {
  const file = openSync(hostPath, flags);
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}
