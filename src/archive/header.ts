// One 512-byte tar header: its fields, numbers and checksum, for the v7, ustar and GNU layouts. Knows nothing of what
// follows the header.
// https://pubs.opengroup.org/onlinepubs/9699919799.2018edition/utilities/pax.html#tag_20_92_13_06

import { RunnerError } from "../errors.ts";

export const BLOCK = 512;

export interface Header {
  /** One character; old archives write NUL for a regular file. */
  readonly flag: string;
  readonly unsafeName: string;
  readonly unsafeTarget: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since 1970, negative before it. */
  readonly mtime: number;
}

const CHECKSUM_AT = 148;
const CHECKSUM_LENGTH = 8;
/** The sum of a block of zeros, whose checksum field counts as eight spaces. */
const EMPTY_SUM = CHECKSUM_LENGTH * 0x20;
const SPACE = 0x20;
const USTAR = Buffer.from("ustar\0");

/**
 * Reads the header at `at`; undefined for a block of zeros, which ends the archive. Throws LAYER_CORRUPT for a wrong
 * checksum and for a field that is no number.
 */
export function parseHeader(block: Buffer, at: number): Header | undefined {
  if (!hasRightChecksum(block, at)) return undefined;
  const flag = String.fromCharCode(block[at + 156] ?? 0);
  if (flag === "3" || flag === "4") requireDeviceNumbers(block, at);
  return {
    flag,
    unsafeName: nameOf(block, at),
    unsafeTarget: text(block, at + 157, 100),
    mode: whole(block, at + 100, 8, "mode"),
    uid: whole(block, at + 108, 8, "uid"),
    gid: whole(block, at + 116, 8, "gid"),
    size: whole(block, at + 124, 12, "size"),
    mtime: number(block, at + 136, 12, "mtime"),
  };
}

// Some old writers summed signed bytes, so both sums count.
function hasRightChecksum(block: Buffer, at: number): boolean {
  let unsigned = EMPTY_SUM;
  let high = 0;
  for (let index = at; index < at + BLOCK; index += 1) {
    const byte = block[index] ?? 0;
    unsigned += byte;
    if (byte > 127) high += 1;
  }
  for (let index = at + CHECKSUM_AT; index < at + CHECKSUM_AT + CHECKSUM_LENGTH; index += 1) {
    const byte = block[index] ?? 0;
    unsigned -= byte;
    if (byte > 127) high -= 1;
  }
  const field = block.subarray(at + CHECKSUM_AT, at + CHECKSUM_AT + CHECKSUM_LENGTH);
  if (unsigned === EMPTY_SUM && field.every((byte) => byte === 0)) return false;
  const expected = number(block, at + CHECKSUM_AT, CHECKSUM_LENGTH, "checksum");
  if (expected === unsigned || expected === unsigned - 256 * high) return true;
  throw new RunnerError("LAYER_CORRUPT", "a tar header's checksum is wrong");
}

// Only POSIX's magic has a prefix there. GNU's ("ustar  ") keeps times and sparse maps in the same bytes.
function nameOf(block: Buffer, at: number): string {
  const name = text(block, at, 100);
  if (block.compare(USTAR, 0, USTAR.length, at + 257, at + 257 + USTAR.length) !== 0) return name;
  const prefix = text(block, at + 345, 155);
  return prefix === "" ? name : `${prefix}/${name}`;
}

// A device is never created, but a number that no kernel has means that the archive lies.
function requireDeviceNumbers(block: Buffer, at: number): void {
  for (const offset of [329, 337]) {
    if (whole(block, at + offset, 8, "device number") > 0xffff_ffff) {
      throw new RunnerError("LAYER_CORRUPT", "a tar header's device number is out of range");
    }
  }
}

function text(block: Buffer, start: number, length: number): string {
  let end = start;
  while (end < start + length && block[end] !== 0) end += 1;
  return block.toString("latin1", start, end);
}

function whole(block: Buffer, start: number, length: number, field: string): number {
  const value = number(block, start, length, field);
  if (value >= 0) return value;
  throw new RunnerError("LAYER_CORRUPT", `a tar header's ${field} is negative`);
}

/** Octal digits between spaces or NULs (nothing at all is 0), or GNU's base-256 for what does not fit. */
function number(block: Buffer, start: number, length: number, field: string): number {
  if ((block[start] ?? 0) >= 0x80) return base256(block.subarray(start, start + length), field);
  const end = start + length;
  let at = start;
  while (at < end && isPadding(block[at])) at += 1;
  let value = 0;
  for (; at < end && !isPadding(block[at]); at += 1) {
    const digit = (block[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) throw notANumber(field);
    value = value * 8 + digit;
  }
  while (at < end) {
    if (!isPadding(block[at])) throw notANumber(field);
    at += 1;
  }
  return value;
}

function isPadding(byte: number | undefined): boolean {
  return byte === SPACE || byte === 0;
}

/** Two's complement, big-endian, with the topmost bit as the mark. */
function base256(bytes: Buffer, field: string): number {
  const bits = bytes.length * 8 - 1;
  const value = BigInt.asIntN(bits, BigInt(`0x${bytes.toString("hex")}`));
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw notANumber(field);
  return number;
}

function notANumber(field: string): RunnerError {
  return new RunnerError(
    "LAYER_CORRUPT",
    `a tar header's ${field} is not a number that can be used`,
  );
}
