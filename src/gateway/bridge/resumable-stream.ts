// A stream of messages to one client that outlives its connections: what it sends has ids, is stored, and is sent again
// to a client that comes back. Knows not which messages belong to it.

import { openEventStream, type EventStream } from "../http/event-stream.ts";
import { EventStore, MAX_STORED_CHARACTERS } from "./event-store.ts";

export interface Connecting {
  /** Of the response that is the connection. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Begin with an event without data, from which the client can resume. */
  readonly primes: boolean;
}

/** What a client waits after a connection broke. */
const RETRY_MS = 1_000;

export class ResumableStream {
  readonly #store = new EventStore();
  #connection: EventStream | undefined;
  #ended = false;

  /** `number` is its own within a session. */
  constructor(
    readonly number: number,
    readonly onGone: () => void,
  ) {}

  get connected(): boolean {
    return this.#connection !== undefined;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** What a client could still come back for. */
  get storedCharacters(): number {
    return this.#store.characters;
  }

  /** The response on which the rest is sent, in place of a connection that there may be. */
  connect(how: Connecting): Response {
    return this.#connect(this.#store.sequence, how);
  }

  /** The same, beginning after that event. Undefined where there has been no such event. */
  resume(sequence: number, how: Connecting): Response | undefined {
    if (sequence > this.#store.sequence) return undefined;
    const response = this.#connect(sequence, how);
    for (const event of this.#store.after(sequence)) {
      void this.#connection?.send(event.line, this.#idOf(event.sequence));
    }
    if (this.#ended) this.#disconnect();
    return response;
  }

  /**
   * Sends a line, or stores it for a client that comes back. The promise is pending while the client is slow.
   * A line too long for the store is kept only where nobody takes it now; in its place stands `substitute`.
   */
  send(line: string, substitute?: string): void | Promise<void> {
    const isKept = !this.connected || line.length <= MAX_STORED_CHARACTERS;
    const sequence = this.#store.add(isKept ? line : substitute);
    return this.#connection?.send(line, this.#idOf(sequence));
  }

  /** Nothing more comes; what has been sent stays stored. */
  end(): void {
    this.#ended = true;
    this.#disconnect();
  }

  beat(): void {
    this.#connection?.beat();
  }

  expire(now: number): void {
    this.#store.expire(now);
  }

  forget(): void {
    this.#store.clear();
  }

  #connect(sequence: number, { headers = {}, primes }: Connecting): Response {
    this.#disconnect();
    const connection: EventStream = openEventStream({
      headers,
      ...(primes && { prime: { id: this.#idOf(sequence), retryMs: RETRY_MS } }),
      onGone: () => {
        if (this.#connection !== connection) return;
        this.#connection = undefined;
        this.onGone();
      },
    });
    this.#connection = connection;
    return connection.response;
  }

  #disconnect(): void {
    this.#connection?.end();
    this.#connection = undefined;
  }

  #idOf(sequence: number): string {
    return `${this.number}-${sequence}`;
  }
}
