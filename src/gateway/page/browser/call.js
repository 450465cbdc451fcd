// The least of an MCP client: one session for one call, and nothing that the server asks is answered.
// https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http

const REVISION = "2025-11-25";

/** The token of this server, which is kept nowhere else. */
let token = "";

export function useToken(text) {
  token = text;
}

export function authorization() {
  return token === "" ? {} : { authorization: `Bearer ${token}` };
}

/** Calls the tool with arguments that are JSON already, and returns its result. */
export async function callTool({ endpoint, name, argumentsJson, signal }) {
  const session = openSession(endpoint, signal);
  try {
    const clientInfo = { name: "fastmcp-runner-page", version: "1" };
    const greeting = { protocolVersion: REVISION, capabilities: {}, clientInfo };
    const { protocolVersion } = await session.ask(1, "initialize", JSON.stringify(greeting));
    session.headers["mcp-protocol-version"] = protocolVersion;
    await session.post('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    const params = `{"name":${JSON.stringify(name)},"arguments":${argumentsJson}}`;
    return await session.ask(2, "tools/call", params);
  } finally {
    await session.close();
  }
}

function openSession(endpoint, signal) {
  const headers = {
    ...authorization(),
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  const post = (body) => fetch(endpoint, { method: "POST", headers, body, signal });
  return {
    headers,
    post,
    async ask(id, method, params) {
      const response = await post(
        `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`,
      );
      const session = response.headers.get("mcp-session-id");
      if (session !== null) headers["mcp-session-id"] = session;
      return await resultIn(response, id);
    },
    async close() {
      if (!("mcp-session-id" in headers)) return;
      await fetch(endpoint, { method: "DELETE", headers, keepalive: true }).catch(() => {});
    },
  };
}

async function resultIn(response, id) {
  for await (const message of messagesIn(response)) {
    if (message.error && (message.id === id || message.id === null)) {
      const { message: text } = message.error;
      throw new Error(typeof text === "string" ? text : JSON.stringify(message.error));
    }
    if (message.id === id && message.result) return message.result;
  }
  throw new Error(`the server gave no answer (status ${response.status})`);
}

async function* messagesIn(response) {
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  if (!isStream) {
    yield jsonIn(await response.text());
    return;
  }
  let rest = "";
  for await (const text of chunksOf(response.body.pipeThrough(new TextDecoderStream()))) {
    const events = (rest + text.replaceAll("\r", "")).split("\n\n");
    rest = events.pop();
    yield* events.map(dataOf).filter(Boolean).map(jsonIn);
  }
}

// Not every browser can iterate over a stream.
async function* chunksOf(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel();
  }
}

function dataOf(event) {
  const lines = event.split("\n").filter((line) => line.startsWith("data:"));
  return lines
    .map((line) => line.slice("data:".length))
    .join("\n")
    .trim();
}

function jsonIn(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
