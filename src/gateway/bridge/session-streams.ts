// All streams of one session: the standalone one that a GET opens, and those that POSTs turned into. An event's id says
// which stream it was on, so that what is sent again is never another stream's.

import { ResumableStream, type Connecting } from "./resumable-stream.ts";

/** Of all streams of a session together; the newest that has ended is kept beyond it. */
const MAX_SESSION_CHARACTERS = 4_194_304;
const MAX_STREAMS = 256;
const STANDALONE = 0;

export class SessionStreams {
  readonly #standalone: ResumableStream;
  /** The oldest first. */
  readonly #streams = new Map<number, ResumableStream>();
  readonly #onGone: () => void;
  #number = STANDALONE;

  /** `onGone` is told when a client has left a stream. */
  constructor(onGone: () => void) {
    this.#onGone = onGone;
    this.#standalone = new ResumableStream(STANDALONE, onGone);
  }

  /** For what belongs to no request. */
  get standalone(): ResumableStream {
    return this.#standalone;
  }

  /** Whether a client listens to any of them. */
  get connected(): boolean {
    return this.#standalone.connected || this.#streams.values().some((stream) => stream.connected);
  }

  /** One more stream, for the answer to a request. */
  open(): ResumableStream {
    const stream = new ResumableStream(++this.#number, this.#onGone);
    this.#streams.set(stream.number, stream);
    this.#forgetOldest();
    return stream;
  }

  /** The response that goes on after this event. Undefined where the stream is unknown or forgotten. */
  resume(unsafeEventId: string, how: Connecting): Response | undefined {
    const [, number, sequence] = /^(\d{1,15})-(\d{1,15})$/.exec(unsafeEventId) ?? [];
    const stream =
      Number(number) === STANDALONE ? this.#standalone : this.#streams.get(Number(number));
    return stream?.resume(Number(sequence), how);
  }

  beat(): void {
    this.#standalone.beat();
    for (const stream of this.#streams.values()) stream.beat();
  }

  /** Forgets what nobody came back for in time. */
  expire(now: number): void {
    this.#standalone.expire(now);
    for (const stream of this.#streams.values()) {
      stream.expire(now);
      if (stream.ended && stream.storedCharacters === 0) this.#streams.delete(stream.number);
    }
    this.#forgetOldest();
  }

  end(): void {
    this.#standalone.end();
    for (const stream of this.#streams.values()) stream.end();
    this.#streams.clear();
  }

  #forgetOldest(): void {
    let characters = 0;
    let newest: ResumableStream | undefined;
    for (const stream of this.#streams.values()) {
      characters += stream.storedCharacters;
      if (stream.ended) newest = stream;
    }
    for (const stream of this.#streams.values()) {
      if (characters <= MAX_SESSION_CHARACTERS && this.#streams.size <= MAX_STREAMS) return;
      if (!stream.ended || stream === newest) continue;
      characters -= stream.storedCharacters;
      this.#streams.delete(stream.number);
    }
  }
}
