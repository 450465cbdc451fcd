// One request of a client of 2026-07-28, from its arrival to its last word: one JSON response where the answer is the
// first that the server says, else a stream. A client that leaves has given the request up.

import type { CallOutcome } from "../events.ts";
import { type EventStream, openEventStream } from "../http/event-stream.ts";
import type { RpcRequest } from "../rpc/envelope.ts";
import { failureText, jsonResponse, RPC_CODES } from "../rpc/failures.ts";
import type { Asker } from "./modern-child.ts";
import { META } from "./modern-terms.ts";

export interface ModernExchangeOptions {
  /** Aborted when the client leaves before there is a response. */
  readonly signal: AbortSignal;
  /** Called once, whatever came of it. */
  onFinished(outcome: CallOutcome, milliseconds: number): void;
}

/** How long a request waits for being one JSON response. */
const SOON_MS = 5_000;
/** Characters that wait for a slow client before its stream is cut: nobody else's may wait for it. */
export const MAX_WAITING_CHARACTERS = 4_194_304;

/** Errors that say something of the request itself, and that HTTP has a status for. */
const STATUS_OF: ReadonlyMap<number | undefined, number> = new Map([
  [RPC_CODES.UNPARSABLE, 400],
  [RPC_CODES.INVALID_REQUEST, 400],
  [RPC_CODES.METHOD_NOT_FOUND, 404],
  [RPC_CODES.HEADER_MISMATCH, 400],
  [RPC_CODES.CAPABILITY_MISSING, 400],
  [RPC_CODES.VERSION_UNSUPPORTED, 400],
]);

export class ModernExchange implements Asker {
  readonly response: Promise<Response>;
  /** Without its parameters, which may be long. */
  readonly #request: Pick<RpcRequest, "id" | "method">;
  readonly #options: ModernExchangeOptions;
  readonly #startedAt = performance.now();
  readonly #resolve: (response: Response) => void;
  readonly #onAbort = () => this.#giveUp();
  #cancel: (() => void) | undefined;
  #stream: EventStream | undefined;
  #waitingCharacters = 0;
  #isFinished = false;

  constructor(request: RpcRequest, options: ModernExchangeOptions) {
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.response = promise;
    this.#resolve = resolve;
    this.#request = { id: request.id, method: request.method };
    this.#options = options;
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** Open until the client or the server ends it, rather than until it is answered. */
  get isSubscription(): boolean {
    return this.#request.method === "subscriptions/listen";
  }

  /** It has been sent, and this gives it up. */
  sent(cancel: () => void): void {
    this.#cancel = cancel;
  }

  tell(line: string): void {
    if (this.#isFinished) return;
    if (this.#waitingCharacters > MAX_WAITING_CHARACTERS) return this.#cut();
    const taken = this.#asStream().send(line);
    if (taken === undefined) return;
    this.#waitingCharacters += line.length;
    void taken.then(() => {
      this.#waitingCharacters = 0;
    });
  }

  answer(line: string, code?: number): void {
    const isError = code !== undefined;
    if (!this.#finish(isError ? "failed" : "answered")) return;
    if (this.#stream === undefined) {
      this.#resolve(jsonResponse(line, { status: STATUS_OF.get(code) ?? 200 }));
    } else {
      end(this.#stream, line);
    }
  }

  /** Says by a result that the subscription has ended, which a connection that breaks does not say. */
  unsubscribed(): void {
    const { id } = this.#request;
    const result = { resultType: "complete", _meta: { [META.subscriptionId]: id } };
    this.answer(JSON.stringify({ jsonrpc: "2.0", id, result }));
  }

  fail(message: string): void {
    const { id } = this.#request;
    const code = RPC_CODES.INTERNAL;
    this.answer(failureText({ code, message, id }), code);
  }

  /** Answers with a response of the gateway's own; a stream that is open already gets the body of it. */
  refuse(response: Response): void {
    if (!this.#finish("failed")) return;
    const stream = this.#stream;
    if (stream === undefined) this.#resolve(response);
    else void response.text().then((text) => end(stream, text));
  }

  /** Lets the client see that its request is being answered, where that takes its time. */
  sweep(now: number): void {
    if (!this.#isFinished && now - this.#startedAt > SOON_MS) this.#asStream();
  }

  /** Lets whatever is between see that a silent stream is in use. */
  beat(): void {
    this.#stream?.beat();
  }

  /** The stream ends before its answer: the client can see that it lacks one. */
  #cut(): void {
    const stream = this.#asStream();
    this.#giveUp();
    stream.end();
  }

  #giveUp(): void {
    if (!this.#finish("cancelled")) return;
    this.#cancel?.();
    // Nobody reads it, but whoever waits for a response gets one.
    this.#resolve(new Response(null, { status: 499 }));
  }

  #asStream(): EventStream {
    if (this.#stream === undefined) {
      this.#stream = openEventStream({ onGone: () => this.#giveUp() });
      this.#resolve(this.#stream.response);
    }
    return this.#stream;
  }

  /** False where it was finished already. */
  #finish(outcome: CallOutcome): boolean {
    if (this.#isFinished) return false;
    this.#isFinished = true;
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#options.onFinished(outcome, performance.now() - this.#startedAt);
    return true;
  }
}

function end(stream: EventStream, line: string): void {
  void stream.send(line);
  stream.end();
}
