// The sessions of the 2025 revisions over HTTP: which request is whose, how many there may be and for how long, and
// what is wrong with a request before any server hears of it. Knows nothing of what goes on in a session.

import type { Caller, Endpoint } from "../endpoint.ts";
import type { OnGatewayEvent, SessionEnd } from "../events.ts";
import { readBody } from "../http/body.ts";
import type { GatewayLimits } from "../limits.ts";
import { type Envelope, type NoEnvelope, parseEnvelope, type RpcRequest } from "../rpc/envelope.ts";
import type { StartServer } from "../server-process.ts";
import {
  CLOSING,
  comeAgain,
  noMessage,
  refused,
  unknownMethod,
  unknownSession,
} from "./refusals.ts";
import { Session } from "./session.ts";
import { refuseAccept, refuseUnknownRevision } from "./session-headers.ts";
import { SpareChild, startWaiting, type WaitingChild } from "./waiting-child.ts";

export interface SessionsOptions {
  readonly start: StartServer;
  readonly limits: GatewayLimits;
  onEvent: OnGatewayEvent;
}

const SWEEP_MS = 250;
const BEAT_MS = 15_000;
const NO_SESSION_ID = "Mcp-Session-Id is missing; a session begins with the request initialize.";
/** Clients of 2024-11-05 begin so. */
const NO_SESSION_TO_LISTEN = `${NO_SESSION_ID} For clients of the older SSE transport, MCP_TRANSPORT has to be sse.`;

export interface SessionsEndpoint extends Endpoint {
  /** As `handle` does, for a POST without a session whose body somebody has read and parsed. */
  handleMessage(
    request: Request,
    message: Envelope | NoEnvelope,
    caller: Caller,
  ): Promise<Response>;
}

/** Opens the endpoint, with one process ready for the first session. */
export function openSessions(options: SessionsOptions): SessionsEndpoint {
  return new Sessions(options);
}

class Sessions implements SessionsEndpoint {
  readonly #options: SessionsOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #spare: SpareChild;
  readonly #clock: Timer;
  /** Processes of sessions that are over, which are about to end. */
  readonly #ending = new Set<Promise<void>>();
  #beatAt = performance.now();
  #closing = false;
  /** Told, while the endpoint closes, when no request is unanswered. */
  #onQuiet: (() => void) | undefined;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#spare = new SpareChild(() => startWaiting(options.start, "session", options.onEvent));
    this.#spare.prepare();
    this.#clock = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#clock.unref();
  }

  async handle(request: Request, caller: Caller): Promise<Response> {
    switch (request.method) {
      case "POST":
        return await this.#post(request, caller);
      case "GET":
        return this.#get(request, caller);
      case "DELETE":
        return this.#delete(request, caller);
      default:
        return unknownMethod();
    }
  }

  async handleMessage(
    request: Request,
    message: Envelope | NoEnvelope,
    caller: Caller,
  ): Promise<Response> {
    const problem = refuseAccept(request);
    if (problem !== undefined) return problem;
    if (message.kind === "unparsable" || message.kind === "invalid") return noMessage(message);
    if (message.kind !== "request" || message.method !== "initialize") {
      return refused(400, NO_SESSION_ID);
    }
    return await this.#open(message, caller);
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const session of this.#sessions.values()) session.close();
    const quiet = Promise.withResolvers<void>();
    this.#onQuiet = quiet.resolve;
    const timer = setTimeout(quiet.resolve, graceMs);
    this.#onSettled();
    await quiet.promise;
    clearTimeout(timer);
    clearInterval(this.#clock);
    for (const session of this.#sessions.values()) this.#end(session, "closing", CLOSING);
    await Promise.all([...this.#ending, this.#spare.end()]);
  }

  async #post(request: Request, caller: Caller): Promise<Response> {
    if (request.headers.has("mcp-session-id")) {
      const session = this.#find(request, caller);
      if (session instanceof Response) return session;
      return refuseAccept(request) ?? (await session.post(request));
    }
    const text = await readBody(request, this.#options.limits.maxBodyBytes);
    if (text instanceof Response) return text;
    return await this.handleMessage(request, parseEnvelope(text), caller);
  }

  #get(request: Request, caller: Caller): Response {
    const session = this.#find(request, caller);
    if (session instanceof Response) return session;
    return refuseAccept(request) ?? session.listen(request.headers.get("last-event-id"));
  }

  #delete(request: Request, caller: Caller): Response {
    const session = this.#find(request, caller);
    if (session instanceof Response) return session;
    this.#end(session, "deleted", "The session has been ended by its client.");
    return new Response(null, { status: 200 });
  }

  /** The caller's session, or why the request cannot be one of its. */
  #find(request: Request, caller: Caller): Session | Response {
    const unsafeId = request.headers.get("mcp-session-id");
    if (unsafeId === null) {
      return refused(400, request.method === "GET" ? NO_SESSION_TO_LISTEN : NO_SESSION_ID);
    }
    const session = this.#sessions.get(unsafeId);
    if (session?.principal !== caller.principal) return unknownSession();
    return refuseUnknownRevision(request, session.revision) ?? session;
  }

  #open(initialize: RpcRequest, { principal }: Caller): Response | Promise<Response> {
    if (this.#closing) return comeAgain(CLOSING);
    if (!this.#hasRoom()) return comeAgain("There are as many sessions as there may be.");
    const child = this.#takeChild();
    if (child === undefined) return comeAgain("The server could not be started.");
    const session = new Session(child, {
      principal,
      limits: this.#options.limits,
      onEvent: this.#options.onEvent,
      onOpen: () => this.#prepare(),
      onEnd: (why, problem) => this.#end(session, why, problem),
      onSettled: () => this.#onSettled(),
    });
    this.#sessions.set(session.id, session);
    this.#options.onEvent({ type: "session-opened", sessions: this.#sessions.size });
    return session.open(initialize);
  }

  /** Processes that are ending count where there are many: whoever opens and ends sessions must not pile them up. */
  #hasRoom(): boolean {
    const { maxSessions } = this.#options.limits;
    const { size } = this.#sessions;
    return size < maxSessions && size + this.#ending.size < 2 * maxSessions;
  }

  #takeChild(): WaitingChild | undefined {
    try {
      return this.#spare.take();
    } catch (error) {
      this.#options.onEvent({ type: "start-failed", error });
      return undefined;
    }
  }

  #prepare(): void {
    if (!this.#closing && this.#sessions.size < this.#options.limits.maxSessions) {
      this.#spare.prepare();
    }
  }

  #end(session: Session, why: SessionEnd, message: string): void {
    if (!this.#sessions.delete(session.id)) return;
    const ending = session.end(message).then(() => void this.#ending.delete(ending));
    this.#ending.add(ending);
    this.#options.onEvent({ type: "session-closed", why, sessions: this.#sessions.size });
    this.#onSettled();
  }

  #onSettled(): void {
    if (this.#onQuiet === undefined) return;
    if (this.#sessions.values().every((session) => session.isQuiet)) this.#onQuiet();
  }

  #sweep(): void {
    const now = performance.now();
    for (const session of this.#sessions.values()) session.sweep(now);
    if (now - this.#beatAt < BEAT_MS) return;
    this.#beatAt = now;
    for (const session of this.#sessions.values()) session.beat();
  }
}
