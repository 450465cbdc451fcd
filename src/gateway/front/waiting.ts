// Requests that wait: for the server while there is none yet, and for their turn. Bun reads up to a mebibyte of a body
// that nobody has asked for, and keeps it until the request is answered; it cannot be told not to.

/** What Bun reads of a body before anybody asks for it. (bun 1.4.5) */
export const MOST_READ_UNASKED = 1_048_576;
/** A request without its body, and its connection. */
const REQUEST_BYTES = 16_384;

/** What one thing becomes for all who wait for it. */
export class Arrival<Value> {
  #arrived: { readonly value: Value } | undefined;
  readonly #waiting = new Set<(value: Value) => void>();

  /** Tells those who wait, and those who come later. Only the first call counts. */
  arrive(value: Value): void {
    if (this.#arrived !== undefined) return;
    this.#arrived = { value };
    for (const tell of this.#waiting) tell(value);
    this.#waiting.clear();
  }

  /** Resolves with it; with `"left"` where the signal comes first, and keeps nothing of who has left. */
  wait(signal: AbortSignal): Promise<Value | "left"> {
    const { promise, resolve } = Promise.withResolvers<Value | "left">();
    if (this.#arrived !== undefined) return Promise.resolve(this.#arrived.value);
    if (signal.aborted) return Promise.resolve("left");
    const tell = (value: Value) => {
      signal.removeEventListener("abort", leave);
      resolve(value);
    };
    const leave = () => {
      this.#waiting.delete(tell);
      resolve("left");
    };
    this.#waiting.add(tell);
    signal.addEventListener("abort", leave, { once: true });
    return promise;
  }
}

/** What requests may take up together while they are unanswered. */
export class Room {
  readonly #bytes: number;
  #taken = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Takes up what this request may come to, of which at most `heldBytes` of its body; undefined where there is no room. */
  enter({ headers }: Request, heldBytes: number): Disposable | undefined {
    const declared = headers.get("content-length");
    const isLong = declared === null && headers.has("transfer-encoding");
    const size = Math.min(isLong ? Infinity : Number(declared), heldBytes) + REQUEST_BYTES;
    if (this.#taken > 0 && this.#taken + size > this.#bytes) return undefined;
    this.#taken += size;
    return { [Symbol.dispose]: () => void (this.#taken -= size) };
  }
}
