// The transport of 2024-11-05 for clients that know no other: a stream that carries all that the server says, and a
// path that takes all that the client says. Each stream has a process of its own, so that nothing has to be routed.
// https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse

import { tellLife } from "../child-life.ts";
import type { Caller, Endpoint } from "../endpoint.ts";
import type { OnGatewayEvent, SessionEnd } from "../events.ts";
import { type EventStream, openEventStream } from "../http/event-stream.ts";
import type { GatewayLimits } from "../limits.ts";
import { parseEnvelope } from "../rpc/envelope.ts";
import type { ServerProcess, StartServer } from "../server-process.ts";
import { Inbox } from "./inbox.ts";
import {
  CLOSING,
  comeAgain,
  invalidRequest,
  noMessage,
  notOfSse,
  unknownSession,
} from "./refusals.ts";

export interface SseBridgeOptions {
  readonly start: StartServer;
  readonly limits: GatewayLimits;
  /** Where clients open their stream; messages are posted below it. */
  readonly mcpPath: string;
  readonly onEvent: OnGatewayEvent;
}

interface Connection {
  readonly principal: string;
  readonly process: ServerProcess;
  readonly inbox: Inbox;
  readonly stream: EventStream;
  readonly openedAt: number;
}

const BEAT_MS = 15_000;

/** Opens the endpoint. Processes start with the clients' streams and end with them. */
export function openSseBridge(options: SseBridgeOptions): Endpoint {
  return new SseBridge(options);
}

class SseBridge implements Endpoint {
  readonly #options: SseBridgeOptions;
  readonly #messagesPath: string;
  readonly #connections = new Map<string, Connection>();
  readonly #ending = new Set<Promise<unknown>>();
  readonly #clock: Timer;
  #closing = false;

  constructor(options: SseBridgeOptions) {
    this.#options = options;
    this.#messagesPath = `${options.mcpPath.replace(/\/$/, "")}/messages`;
    this.#clock = setInterval(() => this.#beat(), BEAT_MS);
    this.#clock.unref();
  }

  get heldBytes(): number {
    return this.#options.limits.maxBodyBytes;
  }

  claims(path: string): boolean {
    return path === this.#messagesPath;
  }

  async handle(request: Request, { principal }: Caller): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== this.#messagesPath) {
      return request.method === "GET" ? this.#open(principal) : notOfSse("GET");
    }
    const connection = this.#connections.get(searchParams.get("session") ?? "");
    if (connection?.principal !== principal) return unknownSession();
    return request.method === "POST" ? await this.#post(request, connection) : notOfSse("POST");
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#clock);
    for (const id of Array.from(this.#connections.keys())) this.#end(id, "closing");
    await Promise.all(this.#ending);
  }

  #open(principal: string): Response {
    const { start, limits, onEvent } = this.#options;
    if (this.#closing) return comeAgain(CLOSING);
    if (!this.#hasRoom()) return comeAgain("There are as many sessions as there may be.");
    const id = crypto.randomUUID();
    let process: ServerProcess;
    try {
      process = start({
        onLine: (unsafeLine) =>
          passOn(unsafeLine, stream, () =>
            onEvent({ type: "line-dropped", pid: process.pid, unsafeLine }),
          ),
      });
    } catch (error) {
      onEvent({ type: "start-failed", error });
      return comeAgain("The server could not be started.");
    }
    const stream = openEventStream({
      announce: { event: "endpoint", data: `${this.#messagesPath}?session=${id}` },
      onGone: () => this.#end(id, "deleted"),
    });
    tellLife(process, "session", onEvent);
    void process.ended.then(() => this.#end(id, "crashed"));
    const inbox = new Inbox(process, limits.maxBodyBytes);
    this.#connections.set(id, { principal, process, inbox, stream, openedAt: performance.now() });
    onEvent({ type: "session-opened", sessions: this.#connections.size });
    return stream.response;
  }

  /** Processes that are ending count, too: whoever opens streams and leaves must not pile them up. */
  #hasRoom(): boolean {
    const { maxSessions } = this.#options.limits;
    const { size } = this.#connections;
    return size < maxSessions && size + this.#ending.size < 2 * maxSessions;
  }

  async #post(request: Request, { inbox }: Connection): Promise<Response> {
    const text = await inbox.read(request);
    if (text instanceof Response) return text;
    const message = parseEnvelope(text);
    if (message.kind === "batch") return invalidRequest("The body has to be one message.");
    if (message.kind === "unparsable" || message.kind === "invalid") return noMessage(message);
    await inbox.send(message.text);
    return new Response("Accepted", { status: 202 });
  }

  #end(id: string, why: SessionEnd): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    this.#connections.delete(id);
    connection.stream.end();
    const ending: Promise<void> = connection.process
      .stop()
      .then(() => void this.#ending.delete(ending));
    this.#ending.add(ending);
    this.#options.onEvent({ type: "session-closed", why, sessions: this.#connections.size });
  }

  #beat(): void {
    const oldest = performance.now() - this.#options.limits.sessionMaxAgeMs;
    for (const [id, { stream, openedAt }] of Array.from(this.#connections)) {
      if (openedAt < oldest) this.#end(id, "too-old");
      else stream.beat();
    }
  }
}

/** A line that is no message would break the client's reading of the stream. */
function passOn(unsafeLine: string, stream: EventStream, drop: () => void): void | Promise<void> {
  const message = parseEnvelope(unsafeLine);
  if (message.kind === "unparsable" || message.kind === "invalid") return drop();
  // A raw carriage return would end the line of an event.
  return stream.send(message.kind === "batch" ? unsafeLine.replaceAll("\r", " ") : message.text);
}
