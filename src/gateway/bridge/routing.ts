// What a session's server says, and on which of its client's streams that goes: an answer and progress to the request
// that they are about, anything else to the stream that a GET has opened, never to two. Knows no HTTP.

import { elementsOf } from "../rpc/batch.ts";
import type { Envelope, RpcId, RpcNotification, RpcResponse } from "../rpc/envelope.ts";
import { namedId, parseEnvelope } from "../rpc/envelope.ts";
import { failureText, RPC_CODES } from "../rpc/failures.ts";
import { Backlog } from "./backlog.ts";
import type { Exchange } from "./exchange.ts";
import type { InFlight } from "./in-flight.ts";
import type { SessionStreams } from "./session-streams.ts";

export interface RoutingOptions {
  readonly inFlight: InFlight;
  readonly streams: SessionStreams;
  /** Sends the server a line that the gateway itself has written. The promise is pending while it does not read. */
  reply(line: string): void | Promise<void>;
  /** An answer has come, and has been sent to its request. */
  onAnswer(response: RpcResponse): void;
  /** A line that is no message. */
  onDropped(unsafeLine: string): void;
}

/** Requests of a server that wait for the client's answer; older ones are not waited for any more. */
const MAX_ASKED = 1_024;

export class Routing {
  readonly #options: RoutingOptions;
  readonly #backlog = new Backlog();
  /** Ids of the server's own requests, which it numbers without regard to the client's. */
  readonly #asked = new Set<RpcId>();

  constructor(options: RoutingOptions) {
    this.#options = options;
  }

  /** Takes a line of the server. The promise is pending while the client whose it is is slow. */
  take(unsafeLine: string): void | Promise<void> {
    const message = parseEnvelope(unsafeLine);
    switch (message.kind) {
      case "response":
        return this.#answer(message);
      case "request":
        this.#remember(message.id);
        return this.#send(message);
      case "notification":
        return this.#notify(message);
      case "batch":
        return this.#takeEach(elementsOf(unsafeLine));
      default:
        this.#options.onDropped(unsafeLine);
    }
  }

  /** Whether the server waits for the client's answer to a request with this id, which it does once. */
  awaits(id: RpcId | undefined): boolean {
    return id !== undefined && this.#asked.delete(id);
  }

  /** Sends what has found nobody to listen, if somebody listens now. */
  flush(): void {
    if (this.#backlog.isEmpty || this.#listener() === undefined) return;
    for (const message of this.#backlog.takeAll()) void this.#send(message);
  }

  async #takeEach(lines: readonly string[]): Promise<void> {
    for (const line of lines) await this.take(line);
  }

  #answer(response: RpcResponse): void | Promise<void> {
    const { id } = response;
    const exchange = id === undefined ? undefined : this.#options.inFlight.ownerOf(id);
    // Nobody waits for it: most often the answer to a request that was cancelled.
    if (id === undefined || exchange === undefined) return;
    this.#options.inFlight.settle(id);
    const taken = exchange.answer(id, response);
    this.#options.onAnswer(response);
    return taken;
  }

  #notify(message: RpcNotification): void | Promise<void> {
    const owner = this.#ownerOf(message);
    return owner === undefined ? this.#send(message) : owner.tell(message.text);
  }

  #ownerOf({ method, params }: RpcNotification): Exchange | undefined {
    if (method !== "notifications/progress") return undefined;
    const token = namedId(params, "progressToken");
    return token === undefined ? undefined : this.#options.inFlight.ownerOfToken(token);
  }

  #send(message: Envelope): void | Promise<void> {
    const listener = this.#listener();
    if (listener !== undefined) return listener(message.text);
    let taken: Promise<void> | void = undefined;
    for (const id of this.#backlog.add(message)) {
      this.#asked.delete(id);
      const problem = "The client has not listened for this request.";
      taken = this.#options.reply(failureText({ code: RPC_CODES.INTERNAL, message: problem, id }));
    }
    return taken;
  }

  /** Who hears what belongs to no request: with several requests under way nobody knows whose it is. */
  #listener(): ((line: string) => void | Promise<void>) | undefined {
    const { standalone } = this.#options.streams;
    if (standalone.connected) return (line) => standalone.send(line);
    const { sole } = this.#options.inFlight;
    return sole && ((line) => sole.tell(line));
  }

  #remember(id: RpcId): void {
    this.#asked.add(id);
    if (this.#asked.size <= MAX_ASKED) return;
    for (const oldest of this.#asked) {
      this.#asked.delete(oldest);
      return;
    }
  }
}
