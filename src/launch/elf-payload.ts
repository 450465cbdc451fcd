// Whether a program carries an archive of its own files behind what its ELF headers account for, as PyInstaller, pkg and
// AppImage pack them. Such a program finds them through /proc/self/exe.

import { closeSync, fstatSync, openSync } from "node:fs";
import { readAt } from "./elf.ts";

const HEADER_BYTES = 64;
const CLASS_64 = 2;
const SHT_NOBITS = 8;
// What tools that rewrite a file may leave as padding.
const SLACK_BYTES = 4096;

/** Judges an ELF file; one without a table of sections tells nothing, and has none. */
export function hasPayload(hostPath: string): boolean {
  const descriptor = openSync(hostPath, "r");
  try {
    const end = endOfSections(descriptor);
    return end !== undefined && fstatSync(descriptor).size > end + SLACK_BYTES;
  } finally {
    closeSync(descriptor);
  }
}

// https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.sheader.html
function endOfSections(descriptor: number): number | undefined {
  const header = readAt(descriptor, 0, HEADER_BYTES);
  if (header === undefined || header[4] !== CLASS_64) return undefined;
  const start = Number(header.readBigUInt64LE(40));
  const entryBytes = header.readUInt16LE(58);
  const count = header.readUInt16LE(60);
  const table = start === 0 ? undefined : readAt(descriptor, start, entryBytes * count);
  if (table === undefined || entryBytes < HEADER_BYTES) return undefined;
  let end = start + table.length;
  for (let at = 0; at < table.length; at += entryBytes) {
    if (table.readUInt32LE(at + 4) === SHT_NOBITS) continue;
    const section = Number(table.readBigUInt64LE(at + 24) + table.readBigUInt64LE(at + 32));
    end = Math.max(end, section);
  }
  return end;
}
