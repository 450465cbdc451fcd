// The little of an ELF header that decides whether a kernel can start the file: its machine, its interpreter and where
// its segments lie.
// https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html

import { closeSync, openSync, readSync } from "node:fs";

export interface ElfHeader {
  readonly machine: string;
  /** Whether this machine's processor runs it, 32-bit relatives included. */
  readonly runsHere: boolean;
  /** The dynamic loader that the kernel starts in its place; absent for a static program. */
  readonly interpreter?: string;
}

const MACHINES: Readonly<Record<number, string>> = {
  3: "386",
  8: "mips",
  20: "ppc",
  21: "ppc64",
  22: "s390x",
  40: "arm",
  62: "amd64",
  183: "arm64",
  243: "riscv64",
  258: "loong64",
};
const RUNS_ON: Readonly<Record<string, readonly number[]>> = { x64: [62, 3], arm64: [183, 40] };

const LITTLE_ENDIAN = 1;
const CLASS_64 = 2;
const EXECUTABLE = 2;
const SHARED_OBJECT = 3;
const PT_INTERP = 3;
const HEADER_BYTES = 64;
const MAX_PROGRAM_HEADERS = 512;
const MAX_INTERPRETER_BYTES = 4096;

/** Reads a file's ELF header. Returns a problem, as the end of a sentence, when no kernel could load it. */
export function readElf(hostPath: string): ElfHeader | { readonly problem: string } {
  const descriptor = openSync(hostPath, "r");
  try {
    return parse(descriptor) ?? { problem: "is a damaged ELF file" };
  } finally {
    closeSync(descriptor);
  }
}

/** Whether these first bytes of a file are those of an ELF file. */
export function isElf(start: Buffer): boolean {
  return start.subarray(0, 4).equals(Buffer.from("\u007fELF", "latin1"));
}

function parse(descriptor: number): ElfHeader | { readonly problem: string } | undefined {
  const header = readAt(descriptor, 0, HEADER_BYTES);
  if (header === undefined) return undefined;
  if (header[5] !== LITTLE_ENDIAN) return { problem: "is built for a big-endian processor" };
  const type = header.readUInt16LE(16);
  if (type !== EXECUTABLE && type !== SHARED_OBJECT)
    return { problem: "is an ELF file but no program" };
  const number = header.readUInt16LE(18);
  const machine = {
    machine: MACHINES[number] ?? `machine ${number}`,
    runsHere: RUNS_ON[process.arch]?.includes(number) ?? true,
  };
  const table = programHeaders(descriptor, header);
  if (table === undefined) return undefined;
  const place = table.find((segment) => segment.type === PT_INTERP);
  if (place === undefined) return machine;
  const text = readAt(descriptor, place.offset, place.size);
  if (text === undefined) return undefined;
  return { ...machine, interpreter: text.toString().split("\0", 1)[0] ?? "" };
}

/** A part of an ELF file that a loader looks at, in bytes. */
export interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  /** Where it lies in memory; a shared object's addresses begin with 0. */
  readonly address: number;
  readonly memorySize: number;
  /** Where the file describes it. */
  readonly header: number;
}

/** The segments of an open ELF file, and whether its words have 64 bits; nothing where it is damaged. */
export function readSegments(
  descriptor: number,
): { readonly wide: boolean; readonly segments: readonly Segment[] } | undefined {
  const header = readAt(descriptor, 0, HEADER_BYTES);
  const segments = header && programHeaders(descriptor, header);
  return header && segments && { wide: header[4] === CLASS_64, segments };
}

function programHeaders(descriptor: number, header: Buffer): Segment[] | undefined {
  const wide = header[4] === CLASS_64;
  const start = wide ? Number(header.readBigUInt64LE(32)) : header.readUInt32LE(28);
  const entryBytes = header.readUInt16LE(wide ? 54 : 42);
  const count = header.readUInt16LE(wide ? 56 : 44);
  if (entryBytes !== (wide ? 56 : 32) || count === 0 || count > MAX_PROGRAM_HEADERS)
    return undefined;
  const table = readAt(descriptor, start, entryBytes * count);
  if (table === undefined) return undefined;
  return Array.from({ length: count }, (_, index) => {
    const at = index * entryBytes;
    return {
      type: table.readUInt32LE(at),
      offset: wide ? Number(table.readBigUInt64LE(at + 8)) : table.readUInt32LE(at + 4),
      size: wide ? Number(table.readBigUInt64LE(at + 32)) : table.readUInt32LE(at + 16),
      address: wide ? Number(table.readBigUInt64LE(at + 16)) : table.readUInt32LE(at + 8),
      memorySize: wide ? Number(table.readBigUInt64LE(at + 40)) : table.readUInt32LE(at + 20),
      header: start + at,
    };
  });
}

/** A few bytes of an open file. A header may name any offset and size: what is not wholly there is damage. */
export function readAt(descriptor: number, offset: number, size: number): Buffer | undefined {
  const limit = Math.max(HEADER_BYTES, MAX_INTERPRETER_BYTES, 56 * MAX_PROGRAM_HEADERS);
  if (!Number.isSafeInteger(offset) || size > limit) return undefined;
  const buffer = Buffer.alloc(size);
  return readSync(descriptor, buffer, 0, size, offset) === size ? buffer : undefined;
}
