// The least of a client, in both eras: one request at a time, and nothing that the server asks is answered.

import { FIRST_MODERN_REVISION, GATEWAY_INFO, GATEWAY_META } from "./bridge/modern-terms.ts";
import { SESSION_REVISIONS } from "./bridge/revisions.ts";
import type { Caller, Endpoint } from "./endpoint.ts";
import { isMembers, type Members } from "./rpc/envelope.ts";

export interface Asking {
  /** What the server said first: the result of `initialize` or `server/discover`. */
  readonly greeting: Members;
  /** The result. Throws where there is none. */
  ask(method: string, params: Members): Promise<Members>;
  close(): Promise<void>;
}

const CALLER: Caller = { principal: "the runner itself" };

const HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};

const MAX_MESSAGE_CHARACTERS = 300;

/** Opens a session. Throws where the server does not. */
export async function sessionAsking(endpoint: Endpoint, mcpPath: string): Promise<Asking> {
  const headers: Record<string, string> = { ...HEADERS };
  const post = poster(endpoint, mcpPath);
  const ask = async (method: string, params: Members) => {
    const { result, response } = await post.ask(method, params, headers);
    const session = response.headers.get("mcp-session-id");
    if (session !== null) headers["mcp-session-id"] = session;
    return result;
  };
  const protocolVersion = SESSION_REVISIONS[0];
  const clientInfo = GATEWAY_INFO;
  const greeting = await ask("initialize", { protocolVersion, capabilities: {}, clientInfo });
  if (typeof greeting["protocolVersion"] === "string") {
    headers["mcp-protocol-version"] = greeting["protocolVersion"];
  }
  await post.send({ method: "notifications/initialized" }, headers);
  return {
    greeting,
    ask,
    async close() {
      if (headers["mcp-session-id"] === undefined) return;
      const request = new Request(post.url, { method: "DELETE", headers });
      await (await endpoint.handle(request, CALLER)).body?.cancel();
    },
  };
}

/** Asks without a session, as since 2026-07-28. Throws where the server does not answer. */
export async function modernAsking(endpoint: Endpoint, mcpPath: string): Promise<Asking> {
  const post = poster(endpoint, mcpPath);
  const ask = async (method: string, params: Members) => {
    const headers = {
      ...HEADERS,
      "mcp-protocol-version": FIRST_MODERN_REVISION,
      "mcp-method": method,
    };
    return (await post.ask(method, { ...params, _meta: GATEWAY_META }, headers)).result;
  };
  return { greeting: await ask("server/discover", {}), ask, close: () => Promise.resolve() };
}

function poster(endpoint: Endpoint, mcpPath: string) {
  const url = `http://127.0.0.1${mcpPath}`;
  let nextId = 1;
  const send = (message: Members, headers: Readonly<Record<string, string>>) => {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    return endpoint.handle(new Request(url, { method: "POST", headers, body }), CALLER);
  };
  return {
    url,
    send,
    async ask(method: string, params: Members, headers: Readonly<Record<string, string>>) {
      const id = nextId;
      nextId += 1;
      const response = await send({ id, method, params }, headers);
      const { result, error } = await answerIn(response, id);
      if (isMembers(result)) return { result, response };
      throw new Error(`${method} was answered with ${problemIn(error, response)}`);
    },
  };
}

function problemIn(error: unknown, { status }: Response): string {
  const message = isMembers(error) ? error["message"] : undefined;
  if (typeof message !== "string" || message === "") return `status ${status} and no result`;
  return `the error "${message.slice(0, MAX_MESSAGE_CHARACTERS).replace(/\.$/, "")}"`;
}

/** The answer with this id, in a body of JSON or among the events of a stream, which ends with it. */
async function answerIn(response: Response, id: number): Promise<Members> {
  const text = await response.text();
  const streams = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  if (!streams) return membersIn(text);
  const events = text.split(/\r?\n\r?\n/).map((event) => membersIn(dataOf(event)));
  return events.find((found) => found["id"] === id) ?? {};
}

function dataOf(event: string): string {
  const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  return lines.map((line) => line.slice("data:".length).trimStart()).join("\n");
}

function membersIn(text: string): Members {
  try {
    const value: unknown = JSON.parse(text);
    return isMembers(value) ? value : {};
  } catch {
    return {};
  }
}
