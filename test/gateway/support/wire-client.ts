// A client that speaks the wire of the 2025 revisions and nothing more: it says what a test tells it, and hides nothing
// of the responses.

export interface WireEvent {
  readonly id?: string;
  readonly retry?: string;
  /** The empty text in an event that only tells the id. */
  readonly data: string;
}

export interface WireSession {
  readonly id: string;
  /** Posts this text or message. */
  post(message: unknown, headers?: Record<string, string>, signal?: AbortSignal): Promise<Response>;
  /** Posts a request and returns the message that answers it, from whichever kind of response. */
  call(id: string | number, method: string, params?: unknown): Promise<any>;
  /** Posts a notification. */
  notify(method: string, params?: unknown): Promise<Response>;
  listen(headers?: Record<string, string>, signal?: AbortSignal): Promise<Response>;
  delete(): Promise<Response>;
}

export const POST_HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};

export function initializeMessage(revision = "2025-11-25"): object {
  const clientInfo = { name: "wire-client", version: "1" };
  return {
    jsonrpc: "2.0",
    id: "initialize",
    method: "initialize",
    params: { protocolVersion: revision, capabilities: {}, clientInfo },
  };
}

/** Posts without a session. */
export function postTo(
  url: string,
  message: unknown,
  headers: Record<string, string> = {},
  signal: AbortSignal | null = null,
): Promise<Response> {
  const body = typeof message === "string" ? message : JSON.stringify(message);
  return fetch(url, { method: "POST", headers: { ...POST_HEADERS, ...headers }, body, signal });
}

export async function openWireSession(
  url: string,
  { revision = "2025-11-25", principal = "" } = {},
): Promise<WireSession> {
  const own = { "x-principal": principal };
  const opened = await postTo(url, initializeMessage(revision), own);
  const id = opened.headers.get("mcp-session-id");
  const text = await opened.text();
  if (id === null) throw new Error(`no session: ${opened.status} ${text}`);
  const mine = { ...own, "mcp-session-id": id, "mcp-protocol-version": revision };
  const post: WireSession["post"] = (message, headers = {}, signal) =>
    postTo(url, message, { ...mine, ...headers }, signal);
  return {
    id,
    post,
    async call(callId, method, params = {}) {
      const response = await post({ jsonrpc: "2.0", id: callId, method, params });
      for await (const message of messagesOf(response)) {
        if (message.id === callId && message.method === undefined) return message;
      }
      throw new Error(`no answer to ${method}`);
    },
    notify: (method, params = {}) => post({ jsonrpc: "2.0", method, params }),
    listen: (headers = {}, signal) =>
      fetch(url, {
        headers: { accept: "text/event-stream", ...mine, ...headers },
        ...(signal && { signal }),
      }),
    delete: () => fetch(url, { method: "DELETE", headers: mine }),
  };
}

/** The messages of a response, be it JSON or a stream. */
export async function* messagesOf(response: Response): AsyncGenerator<any> {
  if (response.headers.get("content-type") === "application/json") {
    yield await response.json();
    return;
  }
  for await (const { data } of eventsOf(response)) if (data !== "") yield JSON.parse(data);
}

/** The events of a stream, without comments. */
export async function* eventsOf(response: Response): AsyncGenerator<WireEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body ?? []) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = eventIn(block);
      if (event !== undefined) yield event;
    }
  }
}

/** The next of them; fails where the stream has ended. */
export async function nextEvent(events: AsyncGenerator<WireEvent>): Promise<WireEvent> {
  const { value, done } = await events.next();
  if (done === true) throw new Error("the stream has ended");
  return value;
}

function eventIn(block: string): WireEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of block.split("\n")) {
    const [, name, value] = /^([a-z]+):? ?(.*)$/s.exec(line) ?? [];
    if (name !== undefined) fields.set(name, value ?? "");
  }
  const [id, retry, data] = ["id", "retry", "data"].map((name) => fields.get(name));
  if (data === undefined) return undefined;
  return { data, ...(id !== undefined && { id }), ...(retry !== undefined && { retry }) };
}
