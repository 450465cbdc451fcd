// A POST whose requests have not all been answered: it becomes one JSON response, or a stream where there is more to
// say or where the answer takes its time.

import type { CallOutcome } from "../events.ts";
import type { RpcId, RpcRequest, RpcResponse } from "../rpc/envelope.ts";
import { failureText, jsonResponse, RPC_CODES } from "../rpc/failures.ts";
import type { Connecting, ResumableStream } from "./resumable-stream.ts";

export interface ExchangeOptions extends Connecting {
  /** Opens the stream that it may become. */
  openStream(): ResumableStream;
  /** One of its requests has got its answer, or will get none. */
  onCall(method: string, milliseconds: number, outcome: CallOutcome): void;
}

/** How long a POST may wait for being one JSON response. */
const SOON_MS = 1_000;
/** A client's pace can be seen on a stream only, and a long answer that is lost on its way only be had again there. */
const LONG_CHARACTERS = 262_144;
/** How long a server may take to answer a request that was given up, if it answers it at all. */
const CANCELLED_MS = 5_000;

export class Exchange {
  readonly response: Promise<Response>;
  readonly #startedAt = performance.now();
  readonly #unanswered: Map<RpcId, string>;
  readonly #options: ExchangeOptions;
  readonly #isBatch: boolean;
  readonly #resolve: (response: Response) => void;
  #stream: ResumableStream | undefined;
  #cancelledAt: number | undefined;

  constructor(requests: readonly RpcRequest[], options: ExchangeOptions) {
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.response = promise;
    this.#resolve = resolve;
    this.#options = options;
    this.#isBatch = requests.length > 1;
    this.#unanswered = new Map(requests.map(({ id, method }) => [id, method]));
  }

  /** Ids of requests that wait for their answers. */
  get unanswered(): readonly RpcId[] {
    return [...this.#unanswered.keys()];
  }

  /** Sends what belongs to it besides its answers. The promise is pending while the client is slow. */
  tell(line: string): void | Promise<void> {
    return this.#asStream().send(line);
  }

  /** Sends the answer to one of its requests. */
  answer(id: RpcId, { text, failed }: Pick<RpcResponse, "text" | "failed">): void | Promise<void> {
    this.#settle(id, failed ? "failed" : "answered");
    const isDone = this.#unanswered.size === 0;
    if (this.#stream === undefined && !this.#isBatch && text.length <= LONG_CHARACTERS) {
      // A session that was refused has no id to tell.
      this.#resolve(jsonResponse(text, failed ? {} : { headers: this.#options.headers ?? {} }));
      return;
    }
    const stream = this.#asStream();
    const taken = stream.send(text, lostAnswer(id));
    if (!isDone) return taken;
    if (taken === undefined) stream.end();
    else return taken.then(() => stream.end());
  }

  /** Answers all that is unanswered with the gateway's own error. */
  fail(message: string): void {
    for (const id of this.unanswered) {
      const text = failureText({ code: RPC_CODES.INTERNAL, message, id });
      void this.answer(id, { text, failed: true });
    }
  }

  /** The client has given a request up: most servers do not answer it then. */
  cancel(id: RpcId): void {
    if (this.#unanswered.has(id)) this.#cancelledAt ??= performance.now();
  }

  /** Lets the client see that its request is being answered; true where nothing is to be expected any more. */
  sweep(now: number): boolean {
    if (this.#stream === undefined && now - this.#startedAt > SOON_MS) this.#asStream();
    if (this.#cancelledAt === undefined || now - this.#cancelledAt <= CANCELLED_MS) return false;
    // Without this the stream of a request that nobody waits for would stay open for ever.
    for (const id of this.unanswered) this.#settle(id, "cancelled");
    this.#asStream().end();
    return true;
  }

  #asStream(): ResumableStream {
    if (this.#stream === undefined) {
      this.#stream = this.#options.openStream();
      this.#resolve(this.#stream.connect(this.#options));
    }
    return this.#stream;
  }

  #settle(id: RpcId, outcome: CallOutcome): void {
    const method = this.#unanswered.get(id);
    if (method === undefined) return;
    this.#unanswered.delete(id);
    this.#options.onCall(method, performance.now() - this.#startedAt, outcome);
  }
}

function lostAnswer(id: RpcId): string {
  const message =
    "The answer was lost with its connection, and is too long to be kept; call again.";
  return failureText({ code: RPC_CODES.INTERNAL, message, id });
}
