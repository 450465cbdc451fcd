// The latest events of one stream, for a client that comes back for them. Knows neither streams nor sessions.

export interface StoredEvent {
  readonly sequence: number;
  readonly line: string;
  /** Milliseconds as of performance.now(). */
  readonly at: number;
}

const MAX_EVENTS = 256;
export const MAX_STORED_CHARACTERS = 1_048_576;
const TIME_TO_LIVE_MS = 300_000;

/** Holds the newest event whatever its size, and those before it within the bounds. */
export class EventStore {
  /** The number of the newest event; 0 before the first. */
  sequence = 0;
  /** Of the lines that are held. */
  characters = 0;
  #events: StoredEvent[] = [];

  /** Numbers one more event, and keeps it; an event without a line has a number only. */
  add(line: string | undefined): number {
    this.sequence++;
    if (line !== undefined) {
      this.#events.push({ sequence: this.sequence, line, at: performance.now() });
      this.characters += line.length;
      this.#dropWhile(
        () => this.#events.length > MAX_EVENTS || this.characters > MAX_STORED_CHARACTERS,
      );
    }
    return this.sequence;
  }

  /** What is left of those after this one. */
  after(sequence: number): readonly StoredEvent[] {
    return this.#events.filter((event) => event.sequence > sequence);
  }

  /** Forgets what is too old. */
  expire(now: number): void {
    while (now - (this.#events[0]?.at ?? now) > TIME_TO_LIVE_MS) this.#dropOldest();
  }

  clear(): void {
    this.#events = [];
    this.characters = 0;
  }

  #dropWhile(tooMuch: () => boolean): void {
    while (this.#events.length > 1 && tooMuch()) this.#dropOldest();
  }

  #dropOldest(): void {
    this.characters -= this.#events.shift()?.line.length ?? 0;
  }
}
