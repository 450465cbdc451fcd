// Revision 2026-07-28 of MCP over HTTP, before a server that speaks it on its stdin and stdout. There are no sessions:
// one process answers everybody, and nothing of one request is left when it has been answered.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http

import type { Endpoint } from "../endpoint.ts";
import type { OnGatewayEvent } from "../events.ts";
import { readBody } from "../http/body.ts";
import { accepts } from "../http/negotiation.ts";
import {
  type Envelope,
  type NoEnvelope,
  parseEnvelope,
  type RpcNotification,
  type RpcRequest,
} from "../rpc/envelope.ts";
import { failureResponse, RPC_CODES } from "../rpc/failures.ts";
import type { GatewayLimits } from "../limits.ts";
import type { StartServer } from "../server-process.ts";
import type { Eras } from "./eras.ts";
import type { ModernChild } from "./modern-child.ts";
import { ModernExchange } from "./modern-exchange.ts";
import { mismatch, refuseNotification, refuseRequest } from "./modern-request.ts";
import { CLOSING, comeAgain, invalidRequest, noMessage, refused } from "./refusals.ts";
import { type Crashing, SharedChild } from "./shared-child.ts";
import { ToolHeaders } from "./tool-headers.ts";

export interface ModernOptions {
  readonly start: StartServer;
  readonly limits: GatewayLimits;
  /** Those without sessions that the server speaks, as `speaks` has found out. */
  readonly revisions: Eras["modern"];
  onEvent?: OnGatewayEvent;
}

export interface ModernEndpoint extends Endpoint {
  /** As `handle` does, for a POST whose body somebody has read and parsed. */
  handleMessage(request: Request, message: Envelope | NoEnvelope): Promise<Response>;
  /** The process ends again and again. */
  readonly isLooping: boolean;
}

/** Opens the endpoint; the process is started when the first request comes. */
export function openModern(options: ModernOptions): ModernEndpoint {
  return new Modern(options);
}

const NOT_TAKEN = "The server does not take what it is sent.";
/** How often it is looked whose answer takes its time. */
const SWEEP_MS = 1_000;
/** How often a stream that is silent gets a comment. */
const BEAT_MS = 15_000;
/** Requests and subscriptions at one time. */
const MAX_EXCHANGES = 1_024;
/** Notifications of a client that would mean something else to a server that all clients share. */
const NOT_PASSED = new Set([
  "notifications/cancelled",
  "notifications/initialized",
  "notifications/progress",
  "notifications/roots/list_changed",
]);

class Modern implements ModernEndpoint {
  readonly #limits: GatewayLimits;
  readonly #revisions: readonly string[];
  readonly #onEvent: OnGatewayEvent;
  readonly #shared: SharedChild;
  readonly #toolsOf = new WeakMap<ModernChild, ToolHeaders>();
  readonly #exchanges = new Set<ModernExchange>();
  readonly #clock: ReturnType<typeof setInterval>;
  #beatAt = 0;
  #emptied: (() => void) | undefined;
  #isClosing = false;

  constructor({ start, limits, revisions, onEvent = () => {} }: ModernOptions) {
    this.#limits = limits;
    this.#revisions = revisions;
    this.#onEvent = onEvent;
    this.#shared = new SharedChild({
      start,
      startTimeoutMs: limits.startTimeoutMs,
      onEvent,
      onReady: (child) => this.#toolsOf.set(child, new ToolHeaders(child)),
    });
    this.#clock = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#clock.unref();
  }

  get isLooping(): boolean {
    return this.#shared.isLooping;
  }

  async handle(request: Request): Promise<Response> {
    if (request.method !== "POST") return onlyPost();
    const body = await readBody(request, this.#limits.maxBodyBytes);
    return typeof body === "string" ? this.handleMessage(request, parseEnvelope(body)) : body;
  }

  async handleMessage(request: Request, message: Envelope | NoEnvelope): Promise<Response> {
    if (!accepts(request.headers.get("accept"), "application/json", "text/event-stream")) {
      return refused(406, "Accept has to name application/json and text/event-stream.");
    }
    switch (message.kind) {
      case "request":
        return this.#answer(request, message);
      case "notification":
        return this.#pass(request, message);
      case "response":
        return invalidRequest("Nothing has been asked of the client that it could answer.");
      default:
        return noMessage(message);
    }
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#clock);
    for (const exchange of this.#exchanges) if (exchange.isSubscription) exchange.unsubscribed();
    if (this.#exchanges.size > 0) {
      const emptied = new Promise<void>((resolve) => (this.#emptied = resolve));
      await Promise.race([emptied, Bun.sleep(graceMs)]);
    }
    for (const exchange of this.#exchanges) exchange.fail(CLOSING);
    await this.#shared.close();
  }

  async #pass({ headers }: Request, notification: RpcNotification): Promise<Response> {
    const refusal = refuseNotification(headers, notification);
    if (refusal !== undefined) return refusal;
    if (this.#isClosing) return comeAgain(CLOSING);
    if (!NOT_PASSED.has(notification.method)) {
      const child = await this.#shared.ready();
      if ("retryAfterMs" in child) return crashing(child);
      if (child.outbox.isFull) return comeAgain(NOT_TAKEN);
      await child.notify(notification.text);
    }
    return new Response(null, { status: 202 });
  }

  async #answer({ headers, signal }: Request, request: RpcRequest): Promise<Response> {
    const refusal = refuseRequest(headers, request, this.#revisions);
    if (refusal !== undefined) return refusal;
    if (this.#isClosing) return comeAgain(CLOSING);
    if (this.#exchanges.size >= MAX_EXCHANGES) return comeAgain("Too many requests at one time.");
    const exchange = new ModernExchange(request, {
      signal,
      onFinished: (outcome, milliseconds) => {
        this.#exchanges.delete(exchange);
        if (this.#exchanges.size === 0) this.#emptied?.();
        const { method: unsafeMethod } = request;
        this.#onEvent({ type: "call-finished", unsafeMethod, milliseconds, outcome });
      },
    });
    this.#exchanges.add(exchange);
    void this.#ask(headers, request, exchange);
    return exchange.response;
  }

  /** Sends the request as soon as there is a process that answers; one that ends before that has not got it. */
  async #ask(headers: Headers, request: RpcRequest, exchange: ModernExchange): Promise<void> {
    for (;;) {
      const child = await this.#shared.ready();
      if ("retryAfterMs" in child) return exchange.refuse(crashing(child));
      const tools = request.method === "tools/call" ? this.#toolsOf.get(child) : undefined;
      const problem = await tools?.problemIn(headers, request);
      if (child.hasEnded) continue;
      if (problem !== undefined) return exchange.refuse(mismatch(request.id, problem));
      if (exchange.isFinished) return;
      if (child.outbox.isOverfull) return exchange.refuse(comeAgain(NOT_TAKEN));
      const id = child.ask(request, exchange);
      return exchange.sent(() => child.cancel(id));
    }
  }

  #sweep(): void {
    const now = performance.now();
    const isBeat = now - this.#beatAt >= BEAT_MS;
    if (isBeat) this.#beatAt = now;
    for (const exchange of this.#exchanges) {
      exchange.sweep(now);
      if (isBeat) exchange.beat();
    }
  }
}

function onlyPost(): Response {
  const failure = { code: RPC_CODES.REFUSED, message: "Only POST is known in this revision." };
  return failureResponse(405, failure, { allow: "POST" });
}

function crashing({ retryAfterMs }: Crashing): Response {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  return comeAgain("The server keeps ending; it is started again later.", seconds);
}
