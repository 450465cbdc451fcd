// Bytes to lines, as they come. A line is UTF-8 and ends with LF or CR LF; the last one may lack its end.

export interface LineReader {
  /** Bytes of a line without its end. */
  readonly maxBytes: number;
  /** While a promise that it returned is pending, nothing more is read. */
  onLine(line: string): void | Promise<void>;
  /** Told of a line that is too long, after which nothing more is read; when absent, such a line is cut. */
  onOverflow?(): void;
  /** Ends the reading. */
  readonly signal: AbortSignal;
}

const LF = 0x0a;
const CR = 0x0d;

/** Resolves when the source has ended and the last line has been taken. Never rejects. */
export async function readLines(
  source: ReadableStream<Uint8Array>,
  options: LineReader,
): Promise<void> {
  const reader = source.getReader();
  options.signal.addEventListener("abort", () => void reader.cancel().catch(() => {}), {
    once: true,
  });
  const line = new LineBuffer(options);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const taken = line.add(value);
      if (taken instanceof Promise) await taken;
      if (line.overflowed) {
        options.onOverflow?.();
        await reader.cancel();
        return;
      }
    }
  } catch {
    // A source that fails has ended.
  }
  await line.end();
}

class LineBuffer {
  overflowed = false;
  readonly #options: LineReader;
  readonly #cuts: boolean;
  /** The beginning of a line whose end has not come. */
  #parts: Buffer[] = [];
  #size = 0;

  constructor(options: LineReader) {
    this.#options = options;
    this.#cuts = options.onOverflow === undefined;
  }

  /** Takes the lines that these bytes end; pending where one of them has to wait. */
  add(bytes: Uint8Array): void | Promise<void> {
    return this.#takeFrom(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
  }

  async end(): Promise<void> {
    if (this.#size > 0 && !this.overflowed) await this.#finish(Buffer.alloc(0));
  }

  #takeFrom(chunk: Buffer, from: number): void | Promise<void> {
    let start = from;
    for (;;) {
      const end = chunk.indexOf(LF, start);
      const part = chunk.subarray(start, end === -1 ? undefined : end);
      if (!this.#cuts && this.#size + part.length > this.#options.maxBytes) {
        this.overflowed = true;
        return undefined;
      }
      if (end === -1) return this.#keep(part);
      start = end + 1;
      const taken = this.#finish(part);
      if (taken instanceof Promise) {
        const next = start;
        return taken.then(() => this.#takeFrom(chunk, next));
      }
    }
  }

  #keep(part: Buffer): undefined {
    const room = this.#options.maxBytes - this.#size;
    const kept = part.length > room ? part.subarray(0, room) : part;
    if (kept.length === 0) return;
    this.#parts.push(kept);
    this.#size += kept.length;
  }

  #finish(last: Buffer): void | Promise<void> {
    this.#keep(last);
    const bytes = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#size = 0;
    if (bytes === undefined) return undefined;
    const end = bytes.at(-1) === CR ? bytes.length - 1 : bytes.length;
    return this.#options.onLine(bytes.toString("utf8", 0, end));
  }
}
