// One session of the 2025 revisions: a process of the server that only its client talks to, from the client's messages
// to its end. Messages pass as they are written. Knows neither the other sessions nor who may open one.

import type { OnGatewayEvent, SessionEnd } from "../events.ts";
import type { GatewayLimits } from "../limits.ts";
import { elementsOf } from "../rpc/batch.ts";
import type { Envelope, NoEnvelope, RpcId, RpcRequest, RpcResponse } from "../rpc/envelope.ts";
import { isMembers, namedId, parseEnvelope } from "../rpc/envelope.ts";
import { Exchange } from "./exchange.ts";
import { InFlight, refuseRequests } from "./in-flight.ts";
import { Inbox } from "./inbox.ts";
import { CLOSING, comeAgain, longBatch, noMessage, refused, unknownSession } from "./refusals.ts";
import { allowsBatches, MAX_BATCH, primesStreams } from "./revisions.ts";
import { Routing } from "./routing.ts";
import { SessionStreams } from "./session-streams.ts";
import type { WaitingChild } from "./waiting-child.ts";

export interface SessionOptions {
  /** Who opened it. */
  readonly principal: string;
  readonly limits: GatewayLimits;
  onEvent: OnGatewayEvent;
  /** The server has agreed to open it. */
  onOpen(): void;
  /** It can't go on: `message` is for those who wait for an answer. */
  onEnd(why: SessionEnd, message: string): void;
  /** One request less is unanswered. */
  onSettled(): void;
}

export class Session {
  readonly id: string = crypto.randomUUID();
  readonly principal: string;
  readonly #options: SessionOptions;
  readonly #child: WaitingChild["process"];
  readonly #inFlight = new InFlight();
  readonly #streams = new SessionStreams(() => this.#touch());
  readonly #inbox: Inbox;
  readonly #routing: Routing;
  readonly #openedAt = performance.now();
  #usedAt = this.#openedAt;
  /** Of the request that opens it, until it is answered. */
  #opening: RpcId | undefined;
  #revision: string | undefined;
  #state: "open" | "closing" | "ended" = "open";

  constructor(child: WaitingChild, options: SessionOptions) {
    this.principal = options.principal;
    this.#options = options;
    this.#child = child.process;
    this.#inbox = new Inbox(this.#child, options.limits.maxBodyBytes);
    this.#routing = new Routing({
      inFlight: this.#inFlight,
      streams: this.#streams,
      reply: (line) => this.#inbox.send(line),
      onAnswer: (response) => this.#onAnswer(response),
      onDropped: (unsafeLine) =>
        options.onEvent({ type: "line-dropped", pid: this.#child.pid, unsafeLine }),
    });
    child.adopt((line) => this.#routing.take(line));
    void this.#child.ended.then(({ reason }) =>
      options.onEnd("crashed", `The server's process ${reason}.`),
    );
  }

  /** The revision that the server has chosen. */
  get revision(): string | undefined {
    return this.#revision;
  }

  /** Whether no request is unanswered. */
  get isQuiet(): boolean {
    return this.#inFlight.size === 0;
  }

  /** Sends the request that opens it; its answer, if it is none of failure, tells the client the session's id. */
  open(initialize: RpcRequest): Promise<Response> {
    this.#opening = initialize.id;
    return this.#exchange([initialize], { "mcp-session-id": this.id });
  }

  /** Answers a POST. */
  async post(request: Request): Promise<Response> {
    this.#touch();
    const text = await this.#inbox.read(request);
    if (text instanceof Response) return text;
    const message = parseEnvelope(text);
    const isBatch = message.kind === "batch" && allowsBatches(this.#revision);
    if (isBatch && message.values.length > MAX_BATCH) return longBatch();
    return await this.#take(isBatch ? elementsOf(text).map(parseEnvelope) : [message]);
  }

  /** The stream for what belongs to no request, or the rest of the stream that an event was on. */
  listen(unsafeLastEventId: string | null): Response {
    this.#touch();
    const how = { primes: primesStreams(this.#revision) };
    const response =
      unsafeLastEventId === null
        ? this.#streams.standalone.connect(how)
        : this.#streams.resume(unsafeLastEventId, how);
    this.#routing.flush();
    return response ?? refused(400, "Last-Event-ID names no event that this session still knows.");
  }

  /** Keeps its streams alive. */
  beat(): void {
    this.#streams.beat();
  }

  /** Looks after what takes its time, and ends the session when its own is over. */
  sweep(now: number): void {
    const { limits, onEnd } = this.#options;
    this.#inFlight.sweep(now);
    this.#streams.expire(now);
    const age = now - this.#openedAt;
    const isUnused = this.isQuiet && !this.#streams.connected;
    if (this.#opening !== undefined && age > limits.startTimeoutMs) {
      onEnd("refused", `The server has not answered within ${limits.startTimeoutMs / 1_000} s.`);
    } else if (age > limits.sessionMaxAgeMs) {
      onEnd("too-old", "The session has reached its greatest age; open a new one.");
    } else if (now - this.#usedAt > limits.sessionIdleMs && isUnused) {
      onEnd("idle", "The session has been idle for too long; open a new one.");
    }
  }

  /** Takes no more requests. */
  close(): void {
    this.#state = "closing";
  }

  /** Answers what is unanswered, closes all streams and ends the process. */
  async end(message: string): Promise<void> {
    this.#state = "ended";
    this.#inFlight.fail(message);
    this.#streams.end();
    await this.#child.stop();
  }

  async #take(messages: readonly (Envelope | NoEnvelope)[]): Promise<Response> {
    const requests: RpcRequest[] = [];
    const others: Envelope[] = [];
    for (const message of messages) {
      if (message.kind === "request") requests.push(message);
      else if (message.kind === "notification" || message.kind === "response") others.push(message);
      else return noMessage(message);
    }
    if (this.#state === "ended") return unknownSession();
    if (requests.length > 0 && this.#state === "closing") return comeAgain(CLOSING);
    const problem = refuseRequests(requests, this.#inFlight);
    if (problem !== undefined) return problem;
    for (const message of others) this.#pass(message);
    if (requests.length > 0) return this.#exchange(requests);
    await this.#inbox.taken();
    return new Response(null, { status: 202 });
  }

  #exchange(
    requests: readonly RpcRequest[],
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const exchange = new Exchange(requests, {
      headers,
      primes: primesStreams(this.#revision),
      openStream: () => this.#streams.open(),
      onCall: (unsafeMethod, milliseconds, outcome) =>
        this.#options.onEvent({ type: "call-finished", unsafeMethod, milliseconds, outcome }),
    });
    this.#inFlight.add(exchange, requests);
    for (const { text } of requests) this.#inbox.send(text);
    return exchange.response;
  }

  /** An answer that the server does not wait for goes nowhere: it might be taken for that to a later question. */
  #pass(message: Envelope): void {
    if (message.kind === "response" && !this.#routing.awaits(message.id)) return;
    this.#inbox.send(message.text);
    if (message.kind !== "notification" || message.method !== "notifications/cancelled") return;
    const id = namedId(message.params, "requestId");
    if (id !== undefined) this.#inFlight.ownerOf(id)?.cancel(id);
  }

  #onAnswer({ id, failed, result }: RpcResponse): void {
    this.#touch();
    if (id === this.#opening) this.#onOpened(result, failed);
    this.#routing.flush();
    this.#options.onSettled();
  }

  #onOpened(result: unknown, failed: boolean): void {
    this.#opening = undefined;
    const revision = isMembers(result) ? result["protocolVersion"] : undefined;
    if (typeof revision === "string") this.#revision = revision;
    if (failed) this.#options.onEnd("refused", "The server has not opened the session.");
    else this.#options.onOpen();
  }

  #touch(): void {
    this.#usedAt = performance.now();
  }
}
