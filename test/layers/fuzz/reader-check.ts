// What must hold of the tar reader for any bytes at all: it ends with members or with one of the runner's errors, says
// the same however the bytes are cut into pieces, delivers exactly the content that it announced, and names nothing
// outside the root.

import { BLOCK } from "../../../src/archive/header.ts";
import type { Member } from "../../../src/archive/member.ts";
import { type MemberSink, TarReader } from "../../../src/archive/tar.ts";
import { RunnerError } from "../../../src/errors.ts";
import { parseEntry } from "../../../src/layers/entry.ts";
import { DEFAULT_LIMITS, type Limits } from "../../../src/layers/limits.ts";
import { Random } from "./random.ts";

/** Small enough for small inputs to reach every one of them. */
const TIGHT_LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  pathBytes: 90,
  nameBytes: 40,
  depth: 3,
  recordBytes: 600,
};
/** Far more than any of these inputs should take; a slower one is doing work that does not depend on its size. */
const MAX_CPU_MS = 150;
const MAX_CPU_MS_PER_KIB = 1;
/** Of one input. */
export const MAX_INPUT_BYTES = 256 * 1024;

/** Where the pieces of every reading lie, one after the other. */
const SCRATCH = Buffer.alloc(MAX_INPUT_BYTES);

interface Reading {
  readonly events: readonly string[];
  readonly content: Buffer;
  /** Code and sentence of the refusal. */
  readonly refusal: string | undefined;
}

/** Reads the bytes in several ways. Throws an Error that says which promise was broken. */
export function checkReader(bytes: Buffer): { isAccepted: boolean } {
  const random = new Random(Number(Bun.hash.crc32(bytes)), bytes.length);
  const limits = random.oneIn(4) ? TIGHT_LIMITS : DEFAULT_LIMITS;
  const whole = timed(bytes, limits);
  const longest = random.pick([1, 64, 511, 512, 513, 1500, 3000, 9000]);
  const pieces = function* () {
    for (;;) yield 1 + random.below(longest);
  };
  const pieced = read(bytes, pieces(), limits);
  requireSame(whole, pieced, `pieces of up to ${longest} bytes`);
  const isAccepted = whole.refusal === undefined;
  if (isAccepted) requireSameMembers(whole, membersWithout(bytes, limits));
  return { isAccepted };
}

function timed(bytes: Buffer, limits: Limits): Reading {
  const allowed = MAX_CPU_MS + (bytes.length / 1024) * MAX_CPU_MS_PER_KIB;
  const once = () => {
    const before = process.cpuUsage();
    const reading = read(bytes, [MAX_INPUT_BYTES], limits);
    return { reading, ms: process.cpuUsage(before).user / 1000 };
  };
  const began = performance.now();
  const reading = read(bytes, [MAX_INPUT_BYTES], limits);
  // Slow by the clock may be the machine's fault, or a collection of garbage: only what stays slow counts.
  const isSlow = performance.now() - began > allowed;
  if (isSlow && Math.min(once().ms, once().ms, once().ms) > allowed) {
    throw new Error(`reading ${bytes.length} bytes takes more than ${Math.round(allowed)} ms`);
  }
  return reading;
}

function read(bytes: Buffer, pieces: Iterable<number>, limits: Limits): Reading {
  const recorder = new Recorder(limits);
  const reader = new TarReader(recorder, limits);
  try {
    let at = 0;
    for (const length of pieces) {
      if (at >= bytes.length) break;
      const end = Math.min(at + length, bytes.length);
      const piece = SCRATCH.subarray(0, bytes.copy(SCRATCH, 0, at, end));
      reader.push(piece);
      // What the reader still needs it must have copied.
      piece.fill(0xaa);
      at = end;
    }
    reader.end();
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    return recorder.reading(`${error.code}: ${error.message}`);
  }
  recorder.requireEnded();
  return recorder.reading(undefined);
}

/** The members as they are seen by those who seek past all content. */
function membersWithout(bytes: Buffer, limits: Limits): readonly string[] {
  const events: string[] = [];
  const member = (member: Member) => void events.push(JSON.stringify(parseEntry(member, limits)));
  const reader = new TarReader({ member, content: () => {}, memberEnd: () => {} }, limits);
  for (let at = 0; at < bytes.length; at += BLOCK + reader.skipContent()) {
    reader.push(bytes.subarray(at, at + BLOCK));
  }
  reader.end();
  return events;
}

/** Checks and notes what the reader says. */
class Recorder implements MemberSink {
  readonly #limits: Limits;
  readonly #events: string[] = [];
  readonly #content: Buffer[] = [];
  #expected: number | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  member(member: Member): void {
    if (this.#expected !== undefined) throw new Error("a member begins inside another");
    if (!Number.isSafeInteger(member.size) || member.size < 0) {
      throw new Error(`a member has the size ${member.size}`);
    }
    const entry = parseEntry(member, this.#limits);
    requireSafe(entry.path, this.#limits);
    if (entry.type === "hardlink") requireSafe(entry.target, this.#limits);
    this.#events.push(JSON.stringify(entry));
    this.#expected = member.type === "file" ? member.size : 0;
  }

  content(bytes: Buffer): void {
    if (this.#expected === undefined) throw new Error("content comes outside of a member");
    this.#expected -= bytes.length;
    if (this.#expected < 0) throw new Error("more content comes than was announced");
    this.#content.push(Buffer.from(bytes));
  }

  memberEnd(): void {
    if (this.#expected !== 0) throw new Error("a member ends with less content than was announced");
    this.#events.push("end");
    this.#expected = undefined;
  }

  requireEnded(): void {
    if (this.#expected !== undefined) throw new Error("the archive ends inside a member");
  }

  reading(refusal: string | undefined): Reading {
    return { events: this.#events, content: Buffer.concat(this.#content), refusal };
  }
}

function requireSafe(path: string, { depth, nameBytes }: Limits): void {
  const components = path === "" ? [] : path.split("/");
  const isSafe = components.every(
    (name) =>
      !["", ".", ".."].includes(name) && !name.includes("\0") && name.length <= nameBytes + 4,
  );
  if (!isSafe || components.length > depth)
    throw new Error(`${JSON.stringify(path)} is no safe path`);
}

function requireSameMembers({ events }: Reading, members: readonly string[]): void {
  const expected = events.filter((event) => event !== "end");
  if (expected.join("\n") === members.join("\n")) return;
  throw new Error("the archive has other members for those who seek past content");
}

function requireSame(a: Reading, b: Reading, how: string): void {
  const isSame =
    a.refusal === b.refusal &&
    a.events.join("\n") === b.events.join("\n") &&
    a.content.equals(b.content);
  if (isSame) return;
  throw new Error(`in ${how} the archive reads differently: ${a.refusal} or ${b.refusal}`);
}
