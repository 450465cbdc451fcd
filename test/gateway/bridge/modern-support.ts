// The endpoint of 2026-07-28 on a real socket, before servers of a few lines, and the requests that a client sends it.

import type { GatewayEvent } from "../../../src/gateway/events.ts";
import type { GatewayLimits } from "../../../src/gateway/limits.ts";
import { type ModernEndpoint, openModern } from "../../../src/gateway/bridge/modern.ts";
import { type ScriptServer, scriptServer } from "./script-server.ts";

export const REVISION = "2026-07-28";
export const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";
export const META = {
  "io.modelcontextprotocol/protocolVersion": REVISION,
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** What every server has to answer; `tools` and `subscribed` are there for the script to use. */
const PREAMBLE = `
  let tools = [];
  const subscribed = new Map();
  let base = ({ id, method, params }) => {
    if (method === "server/discover") say({ id, result: { supportedVersions: ["${REVISION}"] } });
    else if (method === "tools/list") say({ id, result: { tools } });
    else if (method === "subscriptions/listen") {
      subscribed.set(id, params.notifications);
      const meta = { "${SUBSCRIPTION}": id };
      const answer = { _meta: meta, notifications: params.notifications };
      say({ method: "notifications/subscriptions/acknowledged", params: answer });
    } else return false;
    return true;
  };
  const text = (id, value) => say({ id, result: { resultType: "complete", value } });
`;

/** `body` is run for each message that is not answered already, and sees `message`, `line`, `id` and `params`. */
export function modernServer(body: string, before = ""): ScriptServer {
  return scriptServer(`${PREAMBLE}${before}
    serve((message, line) => {
      const { id, method, params } = message;
      if (base(message)) return;
      ${body}
    });`);
}

export interface ServedModern extends AsyncDisposable {
  readonly url: string;
  readonly endpoint: ModernEndpoint;
  readonly events: readonly GatewayEvent[];
  /** Sends a request as a client does, its headers in accord with its body. */
  call(method: string, options?: CallOptions): Promise<Response>;
  /** Sends any body. */
  post(body: string, headers?: HeaderLines): Promise<Response>;
}

type HeaderLines = Readonly<Record<string, string>>;

export interface CallOptions {
  /** As JSON. */
  readonly id?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly meta?: Readonly<Record<string, unknown>>;
  readonly headers?: HeaderLines;
  readonly signal?: AbortSignal;
}

const LIMITS: GatewayLimits = {
  maxSessions: 4,
  sessionIdleMs: 60_000,
  sessionMaxAgeMs: 300_000,
  maxBodyBytes: 1_048_576,
  maxLineBytes: 64 * 1_048_576,
  startTimeoutMs: 30_000,
};

export function serveModern(
  server: ScriptServer,
  limits: Partial<GatewayLimits> = {},
): ServedModern {
  const events: GatewayEvent[] = [];
  const endpoint = openModern({
    start: server.start,
    limits: { ...LIMITS, ...limits },
    revisions: [REVISION],
    onEvent: (event) => events.push(event),
  });
  const http = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch: (request) => endpoint.handle(request, { principal: "" }),
  });
  const url = http.url.href;
  const post = (body: string, headers: HeaderLines = {}, signal: AbortSignal | null = null) =>
    fetch(url, { method: "POST", body, headers: { ...COMMON, ...headers }, signal });
  return {
    url,
    endpoint,
    events,
    post,
    call(method, { id = "1", params = {}, meta = {}, headers = {}, signal } = {}) {
      return post(
        requestText(method, id, params, meta),
        headersOf(method, params, headers),
        signal,
      );
    },
    async [Symbol.asyncDispose]() {
      await endpoint.close(0);
      await http.stop(true);
      await server[Symbol.asyncDispose]();
    },
  };
}

const COMMON = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};

export function requestText(
  method: string,
  id: string,
  params: Readonly<Record<string, unknown>> = {},
  meta: Readonly<Record<string, unknown>> = {},
): string {
  const all = JSON.stringify({ ...params, _meta: { ...META, ...meta } });
  return `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${all}}`;
}

export function headersOf(
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  headers: HeaderLines = {},
): HeaderLines {
  const name = params["name"] ?? params["uri"];
  return {
    "mcp-protocol-version": REVISION,
    "mcp-method": method,
    ...(typeof name === "string" ? { "mcp-name": name } : {}),
    ...headers,
  };
}

/** The texts of a stream's messages, one by one; empty at its end. */
export function messagesOf({ body }: Response): () => Promise<string> {
  const reader = (body ?? new Blob().stream()).getReader();
  const decoder = new TextDecoder();
  let rest = "";
  return async () => {
    for (;;) {
      const end = rest.indexOf("\n\n");
      if (end === -1) {
        const { done, value } = await reader.read();
        if (done) return "";
        rest += decoder.decode(value, { stream: true });
        continue;
      }
      const event = rest.slice(0, end);
      rest = rest.slice(end + 2);
      if (event.startsWith("data: ")) return event.slice("data: ".length);
    }
  };
}

/** The value that a server has answered with. */
export async function valueOf(response: Response): Promise<unknown> {
  const { result } = JSON.parse(await response.text());
  return result?.value;
}
