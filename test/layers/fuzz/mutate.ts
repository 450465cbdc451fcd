// Damage, of the kinds that chance does to bytes and of those that an attacker does to fields: with checksums that
// are right again afterwards, since a wrong one hides everything behind it.

import { base256 } from "../../support/raw-tar.ts";
import { randomRecords } from "./archives.ts";
import type { Random } from "./random.ts";

const BLOCK = 512;
const FLAG_AT = 156;
const SIZE_AT = 124;
/** Offset and length of every field of a header. */
const FIELDS = [
  { at: 0, length: 100 },
  { at: 100, length: 8 },
  { at: 108, length: 8 },
  { at: 116, length: 8 },
  { at: SIZE_AT, length: 12 },
  { at: SIZE_AT, length: 12 },
  { at: 136, length: 12 },
  { at: FLAG_AT, length: 1 },
  { at: FLAG_AT, length: 1 },
  { at: 157, length: 100 },
  { at: 257, length: 8 },
  { at: 329, length: 8 },
  { at: 337, length: 8 },
  { at: 345, length: 155 },
] as const;
const TEXTS = [
  "",
  " 12 ",
  "ustar  ",
  ..."0 1 777 1000\0 1001\0 00000000777\0 77777777777 8 -1 0x1 ustar\0".split(" "),
  ..."0 5 2 1 x L K g S \0 ../../outside/canary .. /".split(" "),
];
const BYTES = [0, 1, 0x20, 0x2f, 0x30, 0x37, 0x38, 0x7f, 0x80, 0xff];

type Mutation = (bytes: Buffer, random: Random, other: Buffer) => Buffer;

/** `bytes` after a few mutations; `other` is another archive to take pieces from. */
export function mutate(bytes: Buffer, random: Random, other: Buffer): Buffer {
  let mutated: Buffer = Buffer.from(bytes);
  for (let count = random.below(5); count > 0 && mutated.length > 0; count -= 1) {
    mutated = random.pick(random.oneIn(3) ? DAMAGES : EDITS)(mutated, random, other);
  }
  return mutated;
}

/** Damage that knows nothing of archives, for bytes that are compressed. */
export function damage(bytes: Buffer, random: Random): Buffer {
  return bytes.length === 0 ? bytes : random.pick(DAMAGES)(Buffer.from(bytes), random, bytes);
}

function flipBit(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return bytes;
}

function setByte(bytes: Buffer, random: Random): Buffer {
  bytes[random.below(bytes.length)] = random.pick(BYTES);
  return bytes;
}

function cut(bytes: Buffer, random: Random): Buffer {
  return bytes.subarray(0, random.below(bytes.length));
}

function remove(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(600))]);
}

function repeat(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length);
  return Buffer.concat([bytes.subarray(0, at + random.below(600)), bytes.subarray(at)]);
}

function removeBlocks(bytes: Buffer, random: Random): Buffer {
  const at = blockOf(bytes, random);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + BLOCK * (1 + random.below(3)))]);
}

function repeatBlocks(bytes: Buffer, random: Random): Buffer {
  const at = blockOf(bytes, random);
  return Buffer.concat([bytes.subarray(0, at + BLOCK * (1 + random.below(3))), bytes.subarray(at)]);
}

function moveBlock(bytes: Buffer, random: Random): Buffer {
  const from = blockOf(bytes, random);
  const moved = Buffer.from(bytes.subarray(from, from + BLOCK));
  const rest = Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + BLOCK)]);
  const to = blockOf(rest, random);
  return Buffer.concat([rest.subarray(0, to), moved, rest.subarray(to)]);
}

function clearBlock(bytes: Buffer, random: Random): Buffer {
  const at = blockOf(bytes, random);
  return bytes.fill(0, at, Math.min(at + BLOCK, bytes.length));
}

function splice(bytes: Buffer, random: Random, other: Buffer): Buffer {
  const end = random.oneIn(4) ? random.below(bytes.length) : blockOf(bytes, random);
  return Buffer.concat([bytes.subarray(0, end), other.subarray(blockOf(other, random))]);
}

function editField(bytes: Buffer, random: Random): Buffer {
  const at = headerOf(bytes, random);
  if (at === undefined) return bytes;
  const { at: offset, length } = random.pick(FIELDS);
  const field = bytes.subarray(at + offset, at + offset + length);
  if (random.oneIn(5)) base256(random.below(4096) - 1024, length).copy(field);
  else if (random.oneIn(6)) random.bytes(length).copy(field);
  else if (field.fill(0).length > 0) Buffer.from(random.pick(TEXTS), "latin1").copy(field);
  return withChecksum(bytes, at);
}

// Turns a member, whatever it was, into an extended header with other content.
function editRecord(bytes: Buffer, random: Random): Buffer {
  const at = headerOf(bytes, random);
  if (at === undefined) return bytes;
  const content = randomRecords(random, 8);
  const size = content.length + (random.oneIn(6) ? random.below(9) - 4 : 0);
  bytes.write(random.pick(["x", "x", "x", "g", "L", "K"]), at + FLAG_AT);
  bytes.write(`${Math.max(size, 0).toString(8).padStart(11, "0")}\0`, at + SIZE_AT);
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  const after = random.oneIn(2) ? at + BLOCK : at + 2 * BLOCK;
  const head = withChecksum(bytes, at).subarray(0, at + BLOCK);
  return Buffer.concat([head, content, padding, bytes.subarray(after)]);
}

const DAMAGES: readonly Mutation[] = [flipBit, setByte, cut, remove, repeat];
const EDITS: readonly Mutation[] = [
  editField,
  editField,
  editRecord,
  splice,
  removeBlocks,
  repeatBlocks,
  moveBlock,
  clearBlock,
];

function blockOf(bytes: Buffer, random: Random): number {
  return BLOCK * random.below(Math.ceil(bytes.length / BLOCK));
}

/** Where a header begins that may still be read. */
function headerOf(bytes: Buffer, random: Random): number | undefined {
  const first = blockOf(bytes, random);
  for (let at = first; at + BLOCK <= bytes.length; at += BLOCK) {
    const checksum = bytes.toString("latin1", at + 148, at + 156);
    if (/^[0-7]{6}\0 $/.test(checksum)) return at;
  }
  return undefined;
}

function withChecksum(bytes: Buffer, at: number): Buffer {
  const block = bytes.subarray(at, at + BLOCK);
  block.fill(" ", 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return bytes;
}
