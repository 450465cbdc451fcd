// A streaming tar reader: bytes in any pieces to members and their content, without copying. It understands ustar, PAX
// and GNU long names, and refuses what it cannot read to the letter. What a member means is not its business.

import { RunnerError } from "../errors.ts";
import { BLOCK, type Header, parseHeader } from "./header.ts";
import { type Member, parseMember } from "./member.ts";
import { type PaxRecords, parsePax } from "./pax.ts";

/** Receives an archive's members: `member`, then `content` for its bytes (none for most), then `memberEnd`. */
export interface MemberSink {
  member(member: Member): void;
  /** `bytes` are valid during the call only. */
  content(bytes: Buffer): void;
  memberEnd(): void;
}

export interface TarLimits {
  /** Bytes of one PAX header or GNU long name. */
  readonly recordBytes: number;
}

type State = "header" | "content" | "record" | "padding" | "ended";

/** Flags of headers that describe the next member instead of being one. */
const RECORD_FLAGS = "xgLK";

const NO_CONTENT = Buffer.alloc(0);

export class TarReader {
  readonly #sink: MemberSink;
  readonly #limits: TarLimits;
  #state: State = "header";
  /** Bytes still to come of the content or record at hand. */
  #remaining = 0;
  #padding = 0;
  /** Whether the content at hand goes to the sink; a hard link's does not. */
  #wanted = false;
  #zeroBlocks = 0;
  readonly #block = Buffer.alloc(BLOCK);
  #blockLength = 0;
  #record = NO_CONTENT;
  #recordFlag = "";
  #pax: PaxRecords | undefined;
  #longName: string | undefined;
  #longTarget: string | undefined;

  constructor(sink: MemberSink, limits: TarLimits) {
    this.#sink = sink;
    this.#limits = limits;
  }

  /** Takes the next bytes. Throws LAYER_CORRUPT, LAYER_UNSUPPORTED, LIMIT_EXCEEDED, and what the sink throws. */
  push(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (at < chunk.length) at = this.#step(chunk, at);
  }

  /** Says that no bytes follow. Throws LAYER_CORRUPT in the middle of something. */
  end(): void {
    const isBetweenMembers = this.#state === "header" && this.#blockLength === 0;
    if (!isBetweenMembers && this.#state !== "padding" && this.#state !== "ended") {
      throw new RunnerError("LAYER_CORRUPT", "the archive ends in the middle of a member");
    }
    this.#refuseDanglingRecords();
  }

  /** Whether the mark of the end has come: what follows means nothing. */
  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /**
   * Passes over the rest of the content at hand, for those who can seek. Returns how many bytes that is, padding
   * included; `push` goes on after them.
   */
  skipContent(): number {
    if (this.#state !== "content" && this.#state !== "padding") return 0;
    const bytes = this.#remaining + this.#padding;
    this.#remaining = this.#padding = 0;
    if (this.#state === "content") this.#sink.memberEnd();
    this.#state = "header";
    return bytes;
  }

  #step(chunk: Buffer, at: number): number {
    switch (this.#state) {
      case "header":
        return this.#takeHeader(chunk, at);
      case "content":
      case "record":
        return this.#takeBody(chunk, at);
      case "padding":
        return this.#takePadding(chunk, at);
      case "ended":
        return chunk.length;
    }
  }

  #takeHeader(chunk: Buffer, at: number): number {
    if (this.#blockLength === 0 && chunk.length - at >= BLOCK) {
      this.#readHeader(chunk, at);
      return at + BLOCK;
    }
    const taken = Math.min(BLOCK - this.#blockLength, chunk.length - at);
    chunk.copy(this.#block, this.#blockLength, at, at + taken);
    this.#blockLength += taken;
    if (this.#blockLength === BLOCK) {
      this.#blockLength = 0;
      this.#readHeader(this.#block, 0);
    }
    return at + taken;
  }

  #takeBody(chunk: Buffer, at: number): number {
    const end = Math.min(at + this.#remaining, chunk.length);
    if (this.#state === "record") {
      chunk.copy(this.#record, this.#record.length - this.#remaining, at, end);
    } else if (this.#wanted) {
      this.#sink.content(chunk.subarray(at, end));
    }
    this.#remaining -= end - at;
    if (this.#remaining === 0) this.#finishBody();
    return end;
  }

  #takePadding(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#padding, chunk.length - at);
    this.#padding -= taken;
    if (this.#padding === 0) this.#state = "header";
    return at + taken;
  }

  #readHeader(block: Buffer, at: number): void {
    const header = parseHeader(block, at);
    if (header === undefined) {
      this.#zeroBlocks += 1;
      if (this.#zeroBlocks === 2) this.#state = "ended";
      return;
    }
    if (this.#zeroBlocks > 0) {
      throw new RunnerError("LAYER_CORRUPT", "the archive goes on after a block of zeros");
    }
    if (RECORD_FLAGS.includes(header.flag)) this.#beginRecord(header);
    else this.#beginMember(header);
  }

  #beginRecord(header: Header): void {
    const { recordBytes } = this.#limits;
    if (header.size > recordBytes) {
      throw new RunnerError(
        "LIMIT_EXCEEDED",
        `an extended header has ${header.size} bytes, which is over the limit of ${recordBytes} (MAX_RECORD_BYTES)`,
      );
    }
    this.#record = Buffer.allocUnsafe(header.size);
    this.#recordFlag = header.flag;
    this.#beginBody("record", header.size);
  }

  #beginMember(header: Header): void {
    const member = parseMember(header, this.#pax, {
      name: this.#longName,
      target: this.#longTarget,
    });
    this.#pax = this.#longName = this.#longTarget = undefined;
    this.#wanted = member.type === "file";
    this.#sink.member(member);
    this.#beginBody("content", member.size);
  }

  #beginBody(state: "content" | "record", size: number): void {
    this.#state = state;
    this.#remaining = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
    if (size === 0) this.#finishBody();
  }

  #finishBody(): void {
    if (this.#state === "content") this.#sink.memberEnd();
    else this.#readRecord();
    this.#state = this.#padding === 0 ? "header" : "padding";
  }

  // Two headers of one kind for one member leave open which of them counts, and readers differ: refused.
  #readRecord(): void {
    const record = this.#record;
    this.#record = NO_CONTENT;
    if (this.#recordFlag === "g") {
      // A global header speaks of the archive; the tools that write layers put nothing in it that a tree needs.
      parsePax(record);
    } else if (this.#recordFlag === "x" && this.#pax === undefined) {
      this.#pax = parsePax(record);
    } else if (this.#recordFlag === "L" && this.#longName === undefined) {
      this.#longName = untilNul(record);
    } else if (this.#recordFlag === "K" && this.#longTarget === undefined) {
      this.#longTarget = untilNul(record);
    } else {
      throw new RunnerError("LAYER_CORRUPT", "a member has two extended headers of one kind");
    }
  }

  #refuseDanglingRecords(): void {
    if ((this.#pax ?? this.#longName ?? this.#longTarget) !== undefined) {
      throw new RunnerError("LAYER_CORRUPT", "the archive ends after an extended header");
    }
  }
}

function untilNul(record: Buffer): string {
  const end = record.indexOf(0);
  return record.toString("latin1", 0, end < 0 ? record.length : end);
}
